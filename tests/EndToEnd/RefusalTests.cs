using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Clients that nobody serves: their own kernel hears of it from the VIP and ends the waiting, or hears nothing if the director is told so.</summary>
public sealed class RefusalTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int NoServerPort = 90, NoServicePort = 91, AtOnceMs = 900, SilenceMs = 400; // a second SYN comes after 1 s
    private static readonly string[] s_vips = [S1Lab.Vip, S1Lab.VipV6];

    [Fact]
    public void Clients_are_refused_at_once_by_default()
    {
        SetReject(null);
        foreach ((string vip, int port, ProtocolType protocol) in Cases(NoServerPort, NoServicePort))
        {
            Stopwatch clock = Stopwatch.StartNew();
            SocketError told = Ask(vip, port, protocol, AtOnceMs);
            Assert.True(told == SocketError.ConnectionRefused, $"{protocol} {vip} {port}: {told} after {clock.ElapsedMilliseconds} ms\n{bed.Director.Logs}");
        }
    }

    [Fact]
    public void Clients_hear_nothing_where_the_director_is_told_so()
    {
        SetReject(false);
        foreach ((string vip, int port, ProtocolType protocol) in Cases(NoServerPort, NoServicePort))
        {
            Assert.Equal((vip, port, protocol, SocketError.TimedOut), (vip, port, protocol, Ask(vip, port, protocol, SilenceMs)));
        }

        foreach (ProtocolType protocol in (ProtocolType[])[ProtocolType.Tcp, ProtocolType.Udp])
        {
            CommandResult edit = bed.Director.Fwdctl($"service edit {Name(protocol)}:{S1Lab.Vip}:{NoServerPort} --reject true");
            Assert.True(edit.ExitCode == 0, edit.Errors + edit.Output);
            Assert.Equal(SocketError.ConnectionRefused, Ask(S1Lab.Vip, NoServerPort, protocol, AtOnceMs));
            Assert.Equal(SocketError.TimedOut, Ask(S1Lab.Vip, NoServicePort, protocol, SilenceMs));
        }
    }

    private static string Name(ProtocolType protocol) => protocol == ProtocolType.Tcp ? "tcp" : "udp";

    private static IEnumerable<(string Vip, int Port, ProtocolType Protocol)> Cases(params int[] ports) =>
        from vip in s_vips from port in ports from protocol in (ProtocolType[])[ProtocolType.Tcp, ProtocolType.Udp] select (vip, port, protocol);

    /// <summary>Services without servers, TCP and UDP, on both VIPs; and whether the director tells clients.</summary>
    private void SetReject(bool? reject)
    {
        JsonNode config = JsonNode.Parse(bed.Director.Api.Send(HttpMethod.Get, "v1/config").Body)!;
        config["flows"] = new JsonObject { ["reject"] = reject };
        config["services"] = new JsonArray([.. Cases(NoServerPort).Select(c => (JsonNode)new JsonObject { ["protocol"] = Name(c.Protocol), ["address"] = c.Vip, ["port"] = c.Port })]);
        (int status, string body) = bed.Director.Api.Send(HttpMethod.Put, "v1/config", config.ToJsonString());
        Assert.True(status == 200, $"{status}: {body}");
    }

    /// <summary>What a client's socket learns.</summary>
    private SocketError Ask(string vip, int port, ProtocolType protocol, int timeoutMs)
    {
        SocketError told = SocketError.TimedOut;
        bed.Lab.Client.StartThread(() =>
        {
            IPAddress address = IPAddress.Parse(vip);
            using Socket socket = new(address.AddressFamily, protocol == ProtocolType.Tcp ? SocketType.Stream : SocketType.Dgram, protocol) { ReceiveTimeout = timeoutMs };
            try
            {
                if (protocol == ProtocolType.Udp)
                {
                    socket.Connect(address, port);
                    socket.Send("who"u8);
                    socket.Receive(new byte[100]);
                    told = SocketError.Success;
                }
                else if (socket.ConnectAsync(address, port).Wait(timeoutMs))
                {
                    told = SocketError.Success;
                }
            }
            catch (Exception e) when ((e as SocketException ?? e.InnerException) is SocketException)
            {
                told = ((SocketException)(e as SocketException ?? e.InnerException)!).SocketErrorCode;
                told = told == SocketError.WouldBlock ? SocketError.TimedOut : told;
            }
        }).Join();
        return told;
    }
}
