using System.Net;
using System.Net.Sockets;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Connections are listed and removed by what they are, while others go on.</summary>
public sealed class ConnectionTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int Port = 5000, OtherPort = 5001;

    [Fact]
    public void Those_that_fit_are_removed_and_their_next_packets_open_new_ones()
    {
        bed.Ipvsadm("-C");
        foreach (int port in (int[])[Port, OtherPort])
        {
            bed.Ipvsadm($"-A -u {S1Lab.Vip}:{port} -s wlc");
            foreach (RealServerHost server in bed.Lab.RealServers)
            {
                bed.Ipvsadm($"-a -u {S1Lab.Vip}:{port} -r {server.Address} -g");
            }
        }

        Send(Port, 20);
        Send(OtherPort, 6);
        string rs7 = bed.Lab.RealServers[0].Address;
        Wait.Until(() => Count("") == 26, "the director has all flows");
        Assert.Equal((20, 10, 3, 0), (Count($"--service udp:{S1Lab.Vip}:{Port}"), Count($"--service udp:{S1Lab.Vip}:{Port} --server {rs7}"), Count($"--server {rs7}:{OtherPort} --state UDP"), Count("--state ESTABLISHED")));
        Assert.Equal(26, Count($"--client {S1Lab.ClientAddress}"));
        Assert.Equal("10 connections removed.\n", Fwdctl($"connections delete --service udp:{S1Lab.Vip}:{Port} --server {rs7}"));
        Assert.Equal((10, 6, 0), (Count($"--service udp:{S1Lab.Vip}:{Port}"), Count($"--service udp:{S1Lab.Vip}:{OtherPort}"), Count($"--server {rs7}:{Port}")));
        Assert.Matches($@"-> {rs7}:{Port} +Route +1 +0 +0 ", bed.Ipvsadm($"-L -n -u {S1Lab.Vip}:{Port}"));
        Send(Port, 20);
        Wait.Until(() => Count($"--service udp:{S1Lab.Vip}:{Port} --server {rs7}") == 10, "new flows take their place");
        Assert.Equal("26 connections removed.\n", Fwdctl("connections delete --all"));
        Assert.Equal(0, Count(""));
    }

    /// <summary>A datagram from each of so many ports of the client, always the same ones.</summary>
    private void Send(int port, int flows)
    {
        Thread thread = bed.Lab.Client.StartThread(() =>
        {
            for (int i = 0; i < flows; i++)
            {
                using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.Bind(new IPEndPoint(IPAddress.Any, 20_000 + i));
                socket.SendTo([1], new IPEndPoint(IPAddress.Parse(S1Lab.Vip), port));
            }
        });
        thread.Join();
    }

    private int Count(string filter) => Fwdctl("connections " + filter).Split('\n').Count(l => l.StartsWith("UDP ", StringComparison.Ordinal));

    private string Fwdctl(string arguments)
    {
        CommandResult result = bed.Director.Fwdctl(arguments);
        Assert.True(result.ExitCode == 0, $"fwdctl {arguments}: {result.Errors}");
        return result.Output;
    }
}
