using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Two directors without multicast, and two with wires of their own between them.</summary>
public sealed class UnicastAndHeartbeatTests
{
    private const string Web = $$""" "services": [ { "protocol": "tcp", "address": "{{S1Lab.Vip}}", "port": 80, "servers": [ { "address": "172.16.58.7" } ] } ] """;

    [Theory]
    [InlineData(S1Lab.Vip, "172.16.58.2", "172.16.58.3", "ip proto 112")]
    [InlineData(S1Lab.VipV6, "fd16::2", "fd16::3", "ip6 proto 112")]
    [InlineData(S1Lab.VipV6, "fe80::ff:fe00:2", "fe80::ff:fe00:3", "ip6 proto 112")]
    public void Directors_that_are_unicast_peers_elect_one_and_hand_over(string vip, string first, string second, string filter)
    {
        using DirectorHa ha = new();
        ha.Configure([DirectorHa.Group("a", 51, 200, vip, $"\"peers\": [ \"{second}\" ]")], [DirectorHa.Group("a", 51, 100, vip, $"\"peers\": [ \"{first}\" ]")]);
        using Capture multicast = new(ha.Lab.Switch, "lan", $"{filter} and ether[0] & 1 = 1", ha.Lab.Folder);
        ElectHandOverAndCrash(ha, vip);
        Assert.Equal(0, DirectorHa.View(ha.Second, "a").Counters["interface.unknownPeer"]);
        Assert.Empty(multicast.Stop());
    }

    /// <summary>Directors in two networks with a router between; what it has passed on has a TTL of 254.</summary>
    [Theory]
    [InlineData(S1Lab.Vip, "172.16.58.2", "172.17.58.3", "172.16.0.9", "172.17.0.9", "ip")]
    [InlineData(S1Lab.VipV6, "fd16::2", "fd17::3", "fd16::9", "fd17::9", "ip6")]
    public void Peers_behind_a_router_elect_one_and_hand_over(string vip, string first, string second, string nearFirst, string nearSecond, string family)
    {
        using DirectorHa ha = new();
        ha.Configure([DirectorHa.Group("a", 51, 200, vip, Peers(second, nearFirst, 254))], [DirectorHa.Group("a", 51, 100, vip, Peers(first, nearSecond, 254))]);
        ha.Second.Configuration = ha.Second.Configuration.Replace("172.16.58.3/16", "172.17.58.3/16", StringComparison.Ordinal).Replace("fd16::3/64", "fd17::3/64", StringComparison.Ordinal);
        Netns router = ha.Lab.Host("router", "e0", "02:00:00:00:00:09", "172.16.0.9/16", "fd16::9/64");
        router.Ip("addr add 172.17.0.9/16 dev e0");
        router.Ip("addr add fd17::9/64 dev e0 nodad");
        router.Run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.e0.send_redirects=0");
        using Capture direct = new(ha.Lab.Switch, "p-dir2", $"ether src {DirectorHa.SecondMac} and {family} proto 112 and not ether dst 02:00:00:00:00:09", ha.Lab.Folder);
        ElectHandOverAndCrash(ha, vip);
        Assert.Equal((0L, 0L), (DirectorHa.View(ha.Second, "a").Counters["badTtl"], DirectorHa.View(ha.Second, "a").Counters["interface.unknownPeer"]));
        Assert.Empty(direct.Stop());

        static string Peers(string peer, string gateway, int minTtl) => $"\"peers\": [ \"{peer}\" ], \"peerGateway\": \"{gateway}\", \"peerMinTtl\": {minTtl}";
    }

    /// <summary>A router that is not listed is not heard.</summary>
    [Fact]
    public void Advertisements_of_others_than_peers_are_counted_and_not_acted_upon()
    {
        using DirectorHa ha = new();
        ha.Configure([DirectorHa.Group("a", 51, 200, S1Lab.Vip, "\"peers\": [ \"172.16.58.3\" ]")], [DirectorHa.Group("a", 51, 100, S1Lab.Vip, "\"peers\": [ \"172.16.58.9\" ]")]);
        ha.First.Start();
        ha.Second.Start();
        DirectorHa.WaitFor(ha.First, "active");
        DirectorHa.WaitFor(ha.Second, "active");
        Wait.Until(() => DirectorHa.View(ha.Second, "a").Counters["interface.unknownPeer"] > 3, "counted");
        Wait.Until(() => DirectorHa.View(ha.Second, "a").Counters["interface.peersUnresolved"] > 3, "nobody has its peer's address");
        Assert.Equal(0, DirectorHa.View(ha.Second, "a").Counters["advertsReceived"]);
        Assert.Contains("VRRP group a: advertisements from 172.16.58.2 are refused (unknownPeer)", ha.Second.Logs, StringComparison.Ordinal);
        Assert.Contains("VRRP group a: the MAC address of peer 172.16.58.9, or of its gateway, is not known", ha.Second.Logs, StringComparison.Ordinal);
    }

    /// <summary>One heartbeat is cut, then the other, then both: the directors hear each other on the VIPs' own network, too.</summary>
    [Fact]
    public void A_cut_of_heartbeats_changes_nothing()
    {
        using DirectorHa ha = new(wires: 2);
        const string More = """ "addressInterface": "lan0", "heartbeatInterfaces": [ "hb1" ] """;
        ha.Configure([DirectorHa.Group("a", 51, 200, S1Lab.Vip, More, "hb0")], [DirectorHa.Group("a", 51, 100, S1Lab.Vip, More, "hb0")], Web);
        ha.First.Start();
        DirectorHa.WaitFor(ha.First, "active");
        ha.Second.Start();
        DirectorHa.WaitFor(ha.Second, "backup");
        Assert.True(ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac));
        Assert.Equal(0L, DirectorHa.View(ha.Second, "a").Counters["activeTransitions"]);

        using (Capture claims = ha.Lab.Claims("p-dir2", DirectorHa.SecondMac), ofFirst = ha.Lab.Claims("p-dir", DirectorHa.FirstMac))
        {
            using HttpLoad load = new(ha.Lab.Client, S1Lab.Vip, clients: 2);
            foreach (string[] cut in (string[][])[["h0"], ["h1"], ["h0", "h1"]])
            {
                Array.ForEach(cut, wire => ha.Lab.Switch.Ip($"link set {wire}-0 down"));
                Thread.Sleep(1_500);    // four Master_Down_Intervals
                Array.ForEach(cut, wire => ha.Lab.Switch.Ip($"link set {wire}-0 up"));
                Thread.Sleep(500);
            }

            Assert.Empty(load.Stop().SelectMany(p => p.Failures));
            Assert.Empty(claims.Stop());
            Assert.True(ofFirst.Stop().Count > 100, "the first has forwarded");
        }

        Assert.True(ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac));
        Assert.Equal((1L, 0L), (DirectorHa.View(ha.First, "a").Counters["activeTransitions"], DirectorHa.View(ha.Second, "a").Counters["activeTransitions"]));
        Assert.Equal("active", DirectorHa.View(ha.First, "a").State);
    }

    [Fact]
    public void A_vip_that_takes_no_packets_answers_no_echo_but_its_services_work()
    {
        using DirectorHa ha = new();
        ha.Configure([DirectorHa.Group("a", 51, 200, S1Lab.Vip, "\"acceptMode\": false")], [], Web);
        ha.First.Start();
        DirectorHa.WaitFor(ha.First, "active");
        using (HttpLoad load = new(ha.Lab.Client, S1Lab.Vip, clients: 1, requests: 10))
        {
            Assert.Equal(0, load.Join().Sum(p => p.Failed));
        }

        Assert.False(ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac));      // no answer to ping
        Assert.True(ha.First.Api.Get("v1/counters", Api.ApiJson.Default.CountersView).Drops["vipAcceptsNone"] > 0);
    }

    /// <summary>The second is active until the first comes, then for a while by request, then because the first has died.</summary>
    private static void ElectHandOverAndCrash(DirectorHa ha, string vip)
    {
        ha.Second.Start();
        DirectorHa.WaitFor(ha.Second, "active");    // its peer is not there
        ha.First.Start();
        DirectorHa.WaitFor(ha.First, "active");
        DirectorHa.WaitFor(ha.Second, "backup");
        Assert.True(ha.IsAt(vip, DirectorHa.FirstMac));
        Assert.Equal(0, ha.First.Fwdctl("vrrp handover a --for 2").ExitCode);
        DirectorHa.WaitFor(ha.Second, "active");
        DirectorHa.WaitFor(ha.First, "active");
        DirectorHa.WaitFor(ha.Second, "backup");
        ha.First.KillControl();
        DirectorHa.WaitFor(ha.Second, "active");
        Assert.True(ha.IsAt(vip, DirectorHa.SecondMac));
    }
}
