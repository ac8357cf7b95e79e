using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Thresholds of real servers and the maximum of a service, set by their command lines, before real clients.</summary>
public sealed class ConnectionLimitTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int Port = 5002, FirstClientPort = 20_000, Clients = 30, Max = 18, Upper = 5, AnswerMs = 5_000;

    [Fact]
    public void Servers_and_services_take_what_they_may_have_and_take_more_when_some_are_gone()
    {
        bed.Ipvsadm("-C");
        string service = $"udp:{S1Lab.Vip}:{Port}", rs7 = bed.Lab.RealServers[0].Address, rs8 = bed.Lab.RealServers[1].Address;
        Fwdctl($"service add {service} --connections-max {Max}");
        bed.Ipvsadm($"-a -u {S1Lab.Vip}:{Port} -r {rs7} -g -x {Upper} -y 3");
        bed.Ipvsadm($"-a -u {S1Lab.Vip}:{Port} -r {rs8} -g");
        Send();
        Wait.Until(() => Seen(service) == (Max, Clients - Max), $"{Max} connections and {Clients - Max} refused");
        Assert.Matches($@"-> {rs7}:{Port} +{Upper} +3 +0 +{Upper} +\n.*-> {rs8}:{Port} +0 +0 +0 +{Max - Upper} ", bed.Ipvsadm($"-L -n --thresholds -u {S1Lab.Vip}:{Port}"));
        Assert.Contains($"{Upper} 3 overloaded", Fwdctl($"server list {service}"), StringComparison.Ordinal);
        Assert.Equal($"{Upper} connections removed.\n", Fwdctl($"connections delete --service {service} --server {rs7}"));
        Send();
        Wait.Until(() => Seen(service) == (Max, 2 * (Clients - Max)), "as many again");
        Assert.Matches($@"-> {rs7}:{Port} +Route +1 +0 +{Upper} ", bed.Ipvsadm($"-L -n -u {S1Lab.Vip}:{Port}"));
        JsonNode counters = JsonNode.Parse(bed.Director.Api.Send(HttpMethod.Get, "v1/counters").Body)!;
        Assert.Equal(2 * (Clients - Max), (int)counters["drops"]!["serviceFull"]!);
    }

    [Fact]
    public void A_client_is_refused_where_each_server_has_its_threshold()
    {
        bed.Ipvsadm("-C");
        bed.AddWebService("mh");
        foreach (RealServerHost server in bed.Lab.RealServers)
        {
            bed.Ipvsadm($"-e -t {S1Lab.Vip}:80 -r {server.Address} -g -w 1 -x 1");
        }

        SocketError[] told = new SocketError[3];
        bed.Lab.Client.StartThread(() =>
        {
            Socket[] sockets = [.. told.Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
            for (int i = 0; i < told.Length; i++)
            {
                told[i] = Connect(sockets[i]);
            }

            Array.ForEach(sockets, s => s.Dispose());
        }).Join();
        Assert.Equal([SocketError.Success, SocketError.Success, SocketError.ConnectionRefused], told);
    }

    private static SocketError Connect(Socket socket)
    {
        try
        {
            return socket.ConnectAsync(IPAddress.Parse(S1Lab.Vip), 80).Wait(AnswerMs) ? SocketError.Success : SocketError.TimedOut;
        }
        catch (AggregateException e) when (e.InnerException is SocketException failed)
        {
            return failed.SocketErrorCode;
        }
    }

    /// <summary>A datagram from each port, always the same ones.</summary>
    private void Send() => bed.Lab.Client.StartThread(() =>
    {
        for (int i = 0; i < Clients; i++)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Any, FirstClientPort + i));
            socket.SendTo([1], new IPEndPoint(IPAddress.Parse(S1Lab.Vip), Port));
        }
    }).Join();

    private (int Open, int Refused) Seen(string service)
    {
        JsonNode view = JsonNode.Parse(Fwdctl($"service show {service}"))!;
        return ((int)view["openConnections"]!, (int)view["refused"]!);
    }

    private string Fwdctl(string arguments)
    {
        CommandResult result = bed.Director.Fwdctl(arguments);
        Assert.True(result.ExitCode == 0, $"fwdctl {arguments}: {result.Errors}");
        return result.Output;
    }
}
