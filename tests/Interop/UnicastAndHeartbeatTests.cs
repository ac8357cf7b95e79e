using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Two directors without multicast, and two with wires of their own between them.</summary>
public sealed class UnicastAndHeartbeatTests
{
    [Theory]
    [InlineData(S1Lab.Vip, "172.16.58.2", "172.16.58.3", "ip proto 112")]
    [InlineData(S1Lab.VipV6, "fd16::2", "fd16::3", "ip6 proto 112")]
    [InlineData(S1Lab.VipV6, "fe80::ff:fe00:2", "fe80::ff:fe00:3", "ip6 proto 112")]
    public void Directors_that_are_unicast_peers_elect_one_and_hand_over(string vip, string first, string second, string filter)
    {
        using DirectorHa ha = new();
        ha.Configure([DirectorHa.Group("a", 51, 200, vip, $"\"peers\": [ \"{second}\" ]")], [DirectorHa.Group("a", 51, 100, vip, $"\"peers\": [ \"{first}\" ]")]);
        using Capture multicast = new(ha.Lab.Switch, "lan", $"{filter} and ether[0] & 1 = 1", ha.Lab.Folder);
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
        Assert.Equal(0, DirectorHa.View(ha.Second, "a").Counters["interface.unknownPeer"]);
        Assert.Empty(multicast.Stop());
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
    }

    [Fact]
    public void With_two_heartbeats_a_cut_of_one_changes_nothing()
    {
        using DirectorHa ha = new(wires: 2);
        const string More = """ "addressInterface": "lan0", "heartbeatInterfaces": [ "hb1" ] """;
        ha.Configure([DirectorHa.Group("a", 51, 200, S1Lab.Vip, More, "hb0")], [DirectorHa.Group("a", 51, 100, S1Lab.Vip, More, "hb0")]);
        using Capture onLan = new(ha.Lab.Switch, "lan", "ip proto 112", ha.Lab.Folder);
        ha.First.Start();
        DirectorHa.WaitFor(ha.First, "active");
        ha.Second.Start();
        DirectorHa.WaitFor(ha.Second, "backup");
        Assert.True(ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac));
        Assert.Equal(0L, DirectorHa.View(ha.Second, "a").Counters["activeTransitions"]);

        using (Capture claims = new(ha.Lab.Switch, "p-dir2", $"ether src {DirectorHa.SecondMac} and arp src host {S1Lab.Vip}", ha.Lab.Folder))
        {
            foreach (string wire in (string[])["h0", "h1"])
            {
                ha.Lab.Switch.Ip($"link set {wire}-0 down");
                Thread.Sleep(1_500);    // four Master_Down_Intervals
                Assert.True(ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac));
                ha.Lab.Switch.Ip($"link set {wire}-0 up");
                Thread.Sleep(500);
            }

            Assert.Empty(claims.Stop());
        }

        Assert.Equal((1L, 0L), (DirectorHa.View(ha.First, "a").Counters["activeTransitions"], DirectorHa.View(ha.Second, "a").Counters["activeTransitions"]));
        Assert.Equal("active", DirectorHa.View(ha.First, "a").State);

        // Both cut: two are active, as documented; when one wire is back, one is.
        ha.Lab.Switch.Ip("link set h0-0 down");
        ha.Lab.Switch.Ip("link set h1-0 down");
        DirectorHa.WaitFor(ha.Second, "active");
        ha.Lab.Switch.Ip("link set h1-0 up");
        DirectorHa.WaitFor(ha.Second, "backup");
        Assert.Equal("active", DirectorHa.View(ha.First, "a").State);
        Assert.Empty(onLan.Stop());
    }

    [Fact]
    public void A_vip_that_takes_no_packets_answers_no_echo_but_its_services_work()
    {
        using DirectorHa ha = new();
        ha.Configure([DirectorHa.Group("a", 51, 200, S1Lab.Vip, "\"acceptMode\": false")], [], $$"""
            "services": [ { "protocol": "tcp", "address": "{{S1Lab.Vip}}", "port": 80, "servers": [ { "address": "172.16.58.7" } ] } ]
            """);
        ha.First.Start();
        DirectorHa.WaitFor(ha.First, "active");
        using (HttpLoad load = new(ha.Lab.Client, S1Lab.Vip, clients: 1, requests: 10))
        {
            Assert.Equal(0, load.Join().Sum(p => p.Failed));
        }

        Assert.False(ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac));      // no answer to ping
        Assert.True(ha.First.Api.Get("v1/counters", Api.ApiJson.Default.CountersView).Drops["vipAcceptsNone"] > 0);
    }
}
