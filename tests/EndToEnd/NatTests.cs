using System.Net.Sockets;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Method nat (ipvsadm -m): servers know nothing of the VIP; their way to the client leads over the director.</summary>
public sealed class NatTests : IClassFixture<RunningLab>, IDisposable
{
    private const int Requests = 400, TransferBytes = 20_000_000, TransferPort = 8080, ServerPort = 8081, ClosedPort = 9, Datagrams = 50, DatagramBytesMax = 1_400;
    private readonly RunningLab _bed;

    public NatTests(RunningLab bed)
    {
        _bed = bed;
        foreach (RealServerHost server in bed.Lab.RealServers)
        {
            server.Netns.Ip($"route replace {S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}");
            server.Netns.Ip($"route replace fd16::1/128 via {S1Lab.DipV6.Split('/')[0]}");
            server.Netns.Try($"ip addr del {S1Lab.Vip}/32 dev lo");
            server.Netns.Try($"ip addr del {S1Lab.VipV6}/128 dev lo");
        }
    }

    public void Dispose()
    {
        foreach (RealServerHost server in _bed.Lab.RealServers)
        {
            server.Netns.Ip($"route del {S1Lab.ClientAddress}/32");
            server.Netns.Ip("route del fd16::1/128");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Web_pages_and_large_transfers_pass(bool v6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, shown = v6 ? $"[{vip}]" : vip;
        _bed.Ipvsadm("-C");
        Service($"-t {shown}:80", v6, 80);
        Service($"-t {shown}:{TransferPort}", v6, ServerPort);
        Service($"-u {shown}:{TransferPort}", v6, ServerPort);
        string list = _bed.Ipvsadm("-L -n");
        Assert.Equal(6, list.Split('\n').Count(l => l.StartsWith("  -> ", StringComparison.Ordinal) && l.Contains(" Masq    1 ", StringComparison.Ordinal)));

        ulong repliesBefore = Counter("replyPackets");
        List<Transfer> servers = [.. _bed.Lab.RealServers.Select(s => new Transfer(s.Netns, ServerPort, v6 ? s.AddressV6 : s.Address))];
        try
        {
            using HttpLoad load = new(_bed.Lab.Client, vip, clients: 2, requests: Requests);
            IReadOnlyList<LoadPhase> phases = load.Join();
            _bed.AssertNoFailure(phases);
            Assert.InRange(phases[0].SharePercent("rs7"), 20, 80);
            for (int seed = 1; seed <= 2; seed++)
            {
                Assert.True(Transfer.Run(_bed.Lab.Client, vip, TransferPort, TransferBytes, seed), "what arrived differs");
            }

            Assert.Empty(Transfer.Echo(_bed.Lab.Client, vip, TransferPort, Datagrams, DatagramBytesMax));
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }

        Assert.True(Counter("replyPackets") - repliesBefore > Requests * 4, "replies did not pass the director");
        Assert.Contains($":{ServerPort}", _bed.Ipvsadm("-L -n -c"), StringComparison.Ordinal);
    }

    /// <summary>Nobody listens at the real server: its port unreachable comes to the client as about the VIP.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_servers_ICMP_error_reaches_the_clients_program(bool v6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, shown = v6 ? $"[{vip}]" : vip;
        _bed.Ipvsadm("-C");
        Service($"-u {shown}:{TransferPort}", v6, ClosedPort);
        Assert.Equal(SocketError.ConnectionRefused, Transfer.DatagramError(_bed.Lab.Client, vip, TransferPort));
        Assert.True(Counter("flowErrors") > 0);
    }

    private void Service(string service, bool v6, int port)
    {
        _bed.Ipvsadm($"-A {service} -s wlc");
        foreach (RealServerHost server in _bed.Lab.RealServers)
        {
            _bed.Ipvsadm($"-a {service} -r {(v6 ? $"[{server.AddressV6}]" : server.Address)}:{port} -m");
        }
    }

    private ulong Counter(string name) => _bed.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).Workers[name];
}
