using System.Globalization;
using System.Net.Sockets;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>
/// SNAT: real server rs7, whose gateway is the director, opens connections. Two arms: rs8 is outside behind the director's second port, whose
/// link takes 1,400 bytes; its address there is a gateway's, and the server's is behind it. One arm: the client is gateway and server.
/// </summary>
public sealed class SnatTests : IDisposable
{
    private const string Out = "out", Server = "198.51.100.9", Server6 = "2001:db8::9", Source = "192.0.2.200", Source6 = "fd18::200";
    private const string NearServer = "203.0.113.9", NearServer6 = "2001:db8:2::9", NearSource = "172.16.58.200", NearSource6 = "fd16::200";
    private const int Port = 8080, ClosedPort = 9, OutMtuBytes = 1_400, TransferBytes = 100_000_000, Datagrams = 50, DatagramBytesMax = 1_300, Mss4 = 1_460, Mss6 = 1_440;
    private readonly S1Lab _lab = new();
    private readonly Netns _inside, _outside;

    public SnatTests()
    {
        (_inside, _outside) = (_lab.RealServers[0].Netns, _lab.RealServers[1].Netns);
        try
        {
            MakeOutside();
            MakeInside();
            _lab.Director.Configuration = $$"""
                {
                  "dataplane": { "flowsPerWorker": 65536, "ports": [
                    { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" },
                    { "name": "{{Out}}", "device": "net_af_packet1,iface={{Out}}", "mtuBytes": {{OutMtuBytes}} } ] },
                  "sourcePools": [ { "name": "out", "addresses": [ "{{Source}}", "{{Source6}}" ] }, { "name": "near", "addresses": [ "{{NearSource}}", "{{NearSource6}}" ] } ],
                  "snatRules": [
                    { "name": "near", "sources": [ "172.16.58.0/24", "fd16::/64" ], "destinations": [ "203.0.113.0/24", "2001:db8:2::/64" ], "sourcePool": "near", "gateways": [ "{{S1Lab.ClientAddress}}", "fd16::1" ] },
                    { "name": "all", "sources": [ "172.16.58.0/24", "fd16::/64" ], "sourcePool": "out", "gateways": [ "192.0.2.254", "fd18::fe" ], "interface": "lan0" } ],
                  "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}", "{{S1Lab.DipV6}}" ] },
                    { "name": "{{Out}}", "port": "{{Out}}", "addresses": [ "192.0.2.1/24", "fd18::1/64" ] } ]
                }
                """;
            _lab.Director.Start();
        }
        catch
        {
            _lab.Dispose();
            throw;
        }
    }

    public void Dispose() => _lab.Dispose();

    private void MakeOutside()
    {
        _lab.Wire(Out, _lab.Director);
        _outside.Ip("link set e0 down");   // it knows no way to the inside
        Shell.Run($"ip link add e1 netns {_outside.Name} type veth peer name {Out}-gw netns {_lab.Switch.Name}");
        _lab.Switch.Ip($"link set {Out}-gw master {Out} up");
        _lab.Switch.Run($"ethtool -K {Out}-gw tx off");
        _outside.Ip($"link set e1 mtu {OutMtuBytes} up");
        _outside.Ip("addr add 192.0.2.254/24 dev e1");
        _outside.Ip("addr add fd18::fe/64 dev e1 nodad");
        foreach ((Netns host, string address) in ((Netns, string)[])[(_outside, $"{Server}/32"), (_outside, $"{Server6}/128 nodad"), (_lab.Client, $"{NearServer}/32"), (_lab.Client, $"{NearServer6}/128 nodad")])
        {
            host.Ip($"addr add {address.Split(' ')[0]} dev lo {string.Join(' ', address.Split(' ')[1..])}");
        }

        // The server asks for more than the director's link out takes.
        _outside.Ip($"route add {Source}/32 dev e1 advmss {Mss4}");
        _outside.Ip($"route add {Source6}/128 dev e1 advmss {Mss6}");
    }

    private void MakeInside()
    {
        string director = S1Lab.Dip.Split('/')[0], director6 = S1Lab.DipV6.Split('/')[0];
        _inside.Ip($"addr del {S1Lab.Vip}/32 dev lo");
        _inside.Ip($"addr del {S1Lab.VipV6}/128 dev lo");
        _inside.Ip($"route add default via {director}");
        _inside.Ip($"route add default via {director6}");
        _inside.Ip($"route add {S1Lab.ClientAddress}/32 via {director}");   // as a real server behind NAT
        _inside.Ip($"route add fd16::1/128 via {director6}");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_inside_host_opens_connections_beside_those_that_it_serves(bool v6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, server = v6 ? Server6 : Server, source = v6 ? Source6 : Source;
        _lab.Director.MustIpvsadm($"-A -t {Shown(vip)}:80 -s wlc");
        _lab.Director.MustIpvsadm($"-a -t {Shown(vip)}:80 -r {Shown(v6 ? _lab.RealServers[0].AddressV6 : _lab.RealServers[0].Address)}:80 -m");
        using (Transfer outside = new(_outside, Port, server))
        using (HttpLoad load = new(_lab.Client, vip, clients: 1, requests: 100))
        {
            Assert.Equal(source, _inside.Run($"curl -s -g -m 5 http://{Shown(server)}/client").Trim());
            ulong before = ErrorsSent();
            Assert.True(Transfer.Run(_inside, server, Port, TransferBytes, seed: 1), "what arrived differs");
            Assert.True(ErrorsSent() > before, "no ICMP error was sent");
            Assert.Contains($"mtu {OutMtuBytes.ToString(CultureInfo.InvariantCulture)} ", _inside.Ip($"route get {server}") + " ", StringComparison.Ordinal);
            Assert.Empty(Transfer.Echo(_inside, server, Port, Datagrams, DatagramBytesMax));
            Assert.Contains("3 received", _inside.Run($"ping -n -c 3 -i 0.2 -W 2 {server}"), StringComparison.Ordinal);
            Assert.Equal(0, load.Join().Sum(p => p.Failed));
        }

        AssertIsShown(source, server);
        Assert.Equal(SocketError.ConnectionRefused, Transfer.DatagramError(_inside, server, ClosedPort));
        Assert.Matches($"(?i)From {(v6 ? S1Lab.DipV6 : S1Lab.Dip).Split('/')[0]} .*exceeded", _inside.Try($"ping -n -c 1 -W 2 -t 1 {server}").Output);
    }

    private void AssertIsShown(string source, string server)
    {
        string flows = _lab.Director.Fwdctl("connections --service snat:all").Output;
        Assert.Contains($" {Shown(source)}:", flows, StringComparison.Ordinal);
        Assert.Contains("ECHO", flows, StringComparison.Ordinal);
        Assert.Contains($" {Shown(server)}:{Port}", _lab.Director.Fwdctl($"connections --server {server}").Output, StringComparison.Ordinal);
        SnatRuleView rule = _lab.Director.Api.Get("v1/snat/all", ApiJson.Default.SnatRuleView);
        Assert.InRange(rule.Traffic.Connections, Datagrams + 3, Datagrams + 10);
        Assert.InRange(rule.InactiveConnections, Datagrams + 1, Datagrams + 10);
        Assert.True(rule.Traffic.Bytes > TransferBytes);
        Assert.All(rule.Gateways, g => Assert.Equal("reachable", g.Neighbour));
        Assert.Contains("192.0.2.254 reachable", _lab.Director.Fwdctl("snat list").Output, StringComparison.Ordinal);
        SourcePoolView pool = _lab.Director.Api.Get("v1/source-pools", ApiJson.Default.IReadOnlyListSourcePoolView).Single(p => p.Name == "out");
        Assert.InRange(pool.Addresses.Single(a => a.Address == source).PortsInUse, (ulong)Datagrams, (ulong)Datagrams + 10);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_arm_is_enough_and_a_removed_rule_ends_its_flows(bool v6)
    {
        string server = v6 ? NearServer6 : NearServer;
        using Transfer near = new(_lab.Client, Port, server);
        Assert.True(Transfer.Run(_inside, server, Port, TransferBytes / 10, seed: 1), "what arrived differs");
        Assert.Empty(Transfer.Echo(_inside, server, Port, Datagrams, DatagramBytesMax));
        Assert.Contains("2 received", _inside.Run($"ping -n -c 2 -i 0.2 -W 2 {server}"), StringComparison.Ordinal);
        Assert.Contains($" {Shown(v6 ? NearSource6 : NearSource)}:", _lab.Director.Fwdctl($"connections --server {server}").Output, StringComparison.Ordinal);
        Assert.Contains("connections removed", _lab.Director.Fwdctl($"connections delete --service snat:near --state UDP").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("UDP", _lab.Director.Fwdctl("connections --service snat:near").Output, StringComparison.Ordinal);
        Assert.Equal(0, _lab.Director.Fwdctl("snat delete near").ExitCode);
        Assert.Contains("(removed)", _lab.Director.Api.Send(HttpMethod.Get, $"v1/connections?server={server}").Body, StringComparison.Ordinal);

        // Now the other rule sends it out by the gateway, who knows no such host.
        Assert.NotEqual(SocketError.Success, Transfer.DatagramError(_inside, server, Port));
    }

    private static string Shown(string address) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;

    private ulong ErrorsSent() => _lab.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).SlowPath["errorsSent"];
}
