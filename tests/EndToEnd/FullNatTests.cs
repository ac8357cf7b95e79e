using System.Net.Sockets;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Method fullnat (-b): servers see an address of the director and need neither the VIP nor a route.</summary>
public sealed class FullNatTests : IDisposable
{
    private const string Source = "172.16.58.200", Source6 = "fd16::200";
    private const int Requests = 400, TransferBytes = 20_000_000, TransferPort = 8080, ServerPort = 8081, ClosedPort = 9, Datagrams = 50, DatagramBytesMax = 1_400;
    private readonly S1Lab _lab = new();

    public FullNatTests()
    {
        try
        {
            _lab.Director.AddSourcePool(Source, Source6);
            _lab.Director.Start();
            foreach (RealServerHost server in _lab.RealServers)
            {
                server.Netns.Try($"ip addr del {S1Lab.Vip}/32 dev lo");
                server.Netns.Try($"ip addr del {S1Lab.VipV6}/128 dev lo");
                server.Netns.Ip($"route add blackhole {S1Lab.ClientAddress}/32");   // an answer past the director would be lost
                server.Netns.Ip("route add blackhole fd16::1/128");
            }
        }
        catch
        {
            _lab.Dispose();
            throw;
        }
    }

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Web_pages_and_large_transfers_pass(bool v6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, shown = v6 ? $"[{vip}]" : vip;
        Service($"-t {shown}:80", v6, 80);
        Service($"-t {shown}:{TransferPort}", v6, ServerPort);
        Service($"-u {shown}:{TransferPort}", v6, ServerPort);
        Assert.Equal(6, _lab.Director.MustIpvsadm("-L -n").Split('\n').Count(l => l.StartsWith("  -> ", StringComparison.Ordinal) && l.Contains(" FullNat 1 ", StringComparison.Ordinal)));
        Assert.Equal(v6 ? Source6 : Source, Get($"http://{shown}/client"));

        List<Transfer> servers = [.. _lab.RealServers.Select(s => new Transfer(s.Netns, ServerPort, v6 ? s.AddressV6 : s.Address))];
        try
        {
            using HttpLoad load = new(_lab.Client, vip, clients: 2, requests: Requests);
            IReadOnlyList<LoadPhase> phases = load.Join();
            Assert.Equal(0, phases.Sum(p => p.Failed));
            Assert.InRange(phases[0].SharePercent("rs7"), 20, 80);
            for (int seed = 1; seed <= 2; seed++)
            {
                Assert.True(Transfer.Run(_lab.Client, vip, TransferPort, TransferBytes, seed), "what arrived differs");
            }

            Assert.Empty(Transfer.Echo(_lab.Client, vip, TransferPort, Datagrams, DatagramBytesMax));
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }

        SourcePoolView pool = Assert.Single(_lab.Director.Api.Get("v1/source-pools", ApiJson.Default.IReadOnlyListSourcePoolView));
        Assert.InRange(pool.Addresses.Single(a => a.Address == (v6 ? Source6 : Source)).PortsInUse, (ulong)Datagrams, (ulong)(Requests + Datagrams + 10));
        Assert.Equal(0UL, pool.Exhausted);
        Assert.Contains("lan", _lab.Director.Fwdctl("pools").Output, StringComparison.Ordinal);
        Assert.Contains("1 received", _lab.RealServers[0].Netns.Run($"ping -n -c 1 -W 2 {(v6 ? Source6 : Source)}"), StringComparison.Ordinal);
    }

    /// <summary>The switch leaves checksums to the director's port, as a kernel does with a virtual interface that claims to compute them.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Checksums_that_a_kernel_has_not_finished_are_completed(bool v6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, shown = v6 ? $"[{vip}]" : vip;
        Service($"-t {shown}:{TransferPort}", v6, ServerPort);
        Service($"-u {shown}:{TransferPort}", v6, ServerPort);
        _lab.Switch.Run("ethtool -K p-dir tx on tso off gso off");
        List<Transfer> servers = [.. _lab.RealServers.Select(s => new Transfer(s.Netns, ServerPort, v6 ? s.AddressV6 : s.Address))];
        try
        {
            Assert.True(Transfer.Run(_lab.Client, vip, TransferPort, TransferBytes / 10, seed: 1), "what arrived differs");
            Assert.Empty(Transfer.Echo(_lab.Client, vip, TransferPort, Datagrams, DatagramBytesMax));
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }
    }

    /// <summary>Nobody listens at the real server: its port unreachable comes to the client as about the VIP.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_servers_ICMP_error_reaches_the_clients_program(bool v6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip;
        Service($"-u {(v6 ? $"[{vip}]" : vip)}:{TransferPort}", v6, ClosedPort);
        Assert.Equal(SocketError.ConnectionRefused, Transfer.DatagramError(_lab.Client, vip, TransferPort));
    }

    private string Get(string url) => _lab.Client.Run($"curl -s -g -m 5 {url}");

    private void Service(string service, bool v6, int port)
    {
        _lab.Director.MustIpvsadm($"-A {service} -s wlc");
        foreach (RealServerHost server in _lab.RealServers)
        {
            _lab.Director.MustIpvsadm($"-a {service} -r {(v6 ? $"[{server.AddressV6}]" : server.Address)}:{port} -b");
        }
    }
}
