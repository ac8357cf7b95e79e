using System.Net;
using System.Net.Sockets;
using System.Text;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>IPv6, UDP, echo and the host behind the exception port.</summary>
public sealed class ProtocolTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int TimeoutMs = 3_000;

    [Fact]
    public void An_IPv6_service_is_forwarded()
    {
        bed.Ipvsadm($"-A -t [{S1Lab.VipV6}]:80 -s wlc");
        bed.Ipvsadm($"-a -t [{S1Lab.VipV6}]:80 -r [fd16::7]:80 -g -w 2");
        bed.Ipvsadm($"-a -t [{S1Lab.VipV6}]:80 -r [fd16::8]:80 -g -w 1");
        using HttpLoad load = new(bed.Lab.Client, S1Lab.VipV6, clients: 4, requests: 3_000);
        IReadOnlyList<LoadPhase> phases = load.Join();
        bed.AssertNoFailure(phases);
        Assert.InRange(phases[0].SharePercent("rs7"), 58, 75);
        Assert.Contains(S1Lab.DirectorMac, bed.Lab.Client.Ip($"-6 neigh show {S1Lab.VipV6}"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_UDP_service_is_forwarded_and_a_flow_keeps_its_server()
    {
        bed.Ipvsadm($"-A -u {S1Lab.Vip}:5353 -s mh");
        List<Socket> sockets = [];
        foreach (RealServerHost server in bed.Lab.RealServers)
        {
            bed.Ipvsadm($"-a -u {S1Lab.Vip}:5353 -r {server.Address} -g -w 1");
            sockets.Add(AnswerUdp(server));
        }

        Dictionary<string, int> answers = [];
        Run(bed.Lab.Client, () =>
        {
            for (int i = 0; i < 60; i++)
            {
                using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = TimeoutMs };
                socket.Connect(S1Lab.Vip, 5353);
                string first = AskUdp(socket);
                Assert.Equal(first, AskUdp(socket));
                answers[first] = answers.GetValueOrDefault(first) + 1;
            }
        });
        sockets.ForEach(s => s.Dispose());
        Assert.Equal(["rs7", "rs8"], answers.Keys.Order());
    }

    [Theory]
    [InlineData("ping -n -c 5 -i 0.2 -W 2 172.16.58.1", "172.16.58.1:80")]
    [InlineData("ping -n -c 5 -i 0.2 -W 2 fd16::100", "[fd16::100]:8080")]
    public void The_VIP_answers_echo(string ping, string service)
    {
        bed.Director.Ipvsadm($"-A -t {service} -s wlc");
        CommandResult result = bed.Lab.Client.Try(ping);
        Assert.True(result.ExitCode == 0 && result.Output.Contains(" 0% packet loss", StringComparison.Ordinal), result.Output + result.Errors);
        Assert.DoesNotContain("DUP", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("172.16.58.2")]
    [InlineData("fd16::2")]
    public void The_host_is_reached_through_the_exception_port(string dip)
    {
        // For its first second an IPv6 address is tentative (RFC 4862 section 5.4), and cannot be bound to.
        Wait.Until(() => bed.Lab.DirectorHost.Ip("-o addr").Split('\n').Any(l => l.Contains($" {dip}/", StringComparison.Ordinal) && !l.Contains("tentative", StringComparison.Ordinal)), $"{dip} is an address of the host");
        using ManualResetEventSlim listens = new();
        Thread server = bed.Lab.DirectorHost.StartThread(() =>
        {
            using TcpListener listener = new(IPAddress.Parse(dip), 2222);
            listener.Start();
            listens.Set();
            using Socket peer = listener.AcceptSocket();
            peer.Send("the host"u8);
        });
        Assert.True(listens.Wait(TimeoutMs), $"{dip} is not an address of the host:\n{bed.Lab.DirectorHost.Ip("addr")}\n{bed.Director.Logs}");
        string answer = "";
        Run(bed.Lab.Client, () =>
        {
            using Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = TimeoutMs };
            Assert.True(socket.ConnectAsync(IPAddress.Parse(dip), 2222).Wait(TimeoutMs), "connect: no answer");
            byte[] buffer = new byte[100];
            answer = Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
        });
        server.Join();
        Assert.Equal("the host", answer);
    }

    /// <summary>A UDP server on the VIP that answers with its name.</summary>
    private static Socket AnswerUdp(RealServerHost server)
    {
        Socket? socket = null;
        Run(server.Netns, () =>
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(S1Lab.Vip), 5353));
        });
        Thread thread = new(() =>
        {
            byte[] buffer = new byte[100];
            EndPoint peer = new IPEndPoint(IPAddress.Any, 0);
            try
            {
                while (true)
                {
                    socket!.ReceiveFrom(buffer, ref peer);
                    socket.SendTo(Encoding.ASCII.GetBytes(server.Name), peer);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test has ended.
            }
        }) { IsBackground = true };
        thread.Start();
        return socket!;
    }

    private static string AskUdp(Socket socket)
    {
        byte[] buffer = new byte[100];
        socket.Send("who"u8);
        return Encoding.ASCII.GetString(buffer, 0, socket.Receive(buffer));
    }

    /// <summary>Runs an action with the namespace's sockets; its failure is the test's.</summary>
    private static void Run(Netns netns, Action action)
    {
        Exception? failure = null;
        netns.StartThread(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        }).Join();
        Assert.True(failure == null, failure?.ToString());
    }
}
