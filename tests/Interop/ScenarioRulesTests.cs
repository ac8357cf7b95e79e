using System.Globalization;
using Forwarder.Api;
using Forwarder.Lab;
using Forwarder.Vrrp;

namespace Forwarder.Interop.Tests;

/// <summary>keepalived's rules and what routers' labs show, with real directors: load sharing, ties, owners, decrements, learned timers, VLANs.</summary>
public sealed class ScenarioRulesTests
{
    private const string A = "active", B = "backup";

    /// <summary>Groups of both directors, in this order: first, second.</summary>
    private static readonly (string First, string Second)[] s_groups =
    [
        // Two groups share the load.
        (DirectorHa.Group("share1", 1, 200, "10.0.0.253"), DirectorHa.Group("share1", 1, 150, "10.0.0.253")),
        (DirectorHa.Group("share2", 2, 100, "10.0.0.254"), DirectorHa.Group("share2", 2, 200, "10.0.0.254")),
        // Who of the same priority has the higher address: the second.
        (DirectorHa.Group("tie", 3, 100, "10.0.0.3"), DirectorHa.Group("tie", 3, 100, "10.0.0.3")),
        // "advertise 3" on one side, "timers learn" on the other; version 2, with a password that vendors share.
        (Learn(200, 300, ""), Learn(100, 100, ", \"learnInterval\": true")),
        // The address owner is active from the start.
        (DirectorHa.Group("owner", 5, 255, "10.0.0.5"), DirectorHa.Group("owner", 5, 200, "10.0.0.5")),
        // "track interface ... reduced 100"
        (DirectorHa.Group("track", 6, 250, "10.0.0.6", "\"track\": [ { \"name\": \"uplink\" } ]"), DirectorHa.Group("track", 6, 200, "10.0.0.6")),
        // No preemption.
        (DirectorHa.Group("stay", 7, 200, "10.0.0.7", "\"preempt\": false"), DirectorHa.Group("stay", 7, 100, "10.0.0.7")),
    ];

    [Fact]
    public void Groups_of_two_directors_keep_their_rules_side_by_side()
    {
        using DirectorHa ha = new(wires: 1);
        ha.Configure([.. s_groups.Select(g => g.First)], [.. s_groups.Select(g => g.Second)], """ "vrrpTracks": [ { "name": "uplink", "kind": "link", "interface": "hb0", "weight": -100 } ] """);
        ha.Lab.Client.Ip("addr add 10.0.0.1/24 dev e0");
        ha.Second.Start();
        DirectorHa.WaitFor(ha.Second, A, A, A, A, A, A, A);
        ha.First.Start();
        DirectorHa.WaitFor(ha.First, A, B, B, A, A, A, B);
        DirectorHa.WaitFor(ha.Second, B, A, A, B, B, B, A);
        Assert.True(ha.IsAt("10.0.0.253", DirectorHa.FirstMac));
        Assert.True(ha.IsAt("10.0.0.254", DirectorHa.SecondMac));
        Assert.Equal("address owner", DirectorHa.View(ha.First, "owner").ActiveReason);
        VrrpGroupView learned = DirectorHa.View(ha.Second, "learn");
        Assert.Equal((3_000, 9_609.375), (learned.IntervalMs, learned.MasterDownMs));

        ha.Lab.Switch.Ip("link set h0-0 down");         // the uplink of the first: 250 - 100
        DirectorHa.WaitFor(ha.First, A, B, B, A, A, B, B);
        Assert.Equal(150, DirectorHa.View(ha.First, "track").Priority);
        ha.Lab.Switch.Ip("link set h0-0 up");
        DirectorHa.WaitFor(ha.First, A, B, B, A, A, A, B);

        // Cut apart and healed: both were active, the better one stays.
        ha.Lab.Switch.Ip("link set p-dir2 nomaster");
        DirectorHa.WaitFor(ha.First, A, A, A, A, A, A, A);
        DirectorHa.WaitFor(ha.Second, A, A, A, B, A, A, A);      // it waits for 9.6 s where it has learned the interval
        ha.Lab.Switch.Ip("link set p-dir2 master lan");
        DirectorHa.WaitFor(ha.First, A, B, B, A, A, A, A);
        DirectorHa.WaitFor(ha.Second, B, A, A, B, B, B, B);
        Assert.Equal((0, 0), (DirectorHa.View(ha.Second, "learn").Counters["interface.intervalMismatch"], DirectorHa.View(ha.Second, "learn").Counters["interface.authFailure"]));
        Assert.Equal(1, DirectorHa.View(ha.Second, "learn").Counters["activeTransitions"]);  // before the first one came
    }

    /// <summary>A group for each VLAN interface; VLANs 10 and 20 are active on different directors.</summary>
    [Fact]
    public void Groups_of_VLANs_are_active_on_different_directors()
    {
        using DirectorHa ha = new();
        ha.First.Configuration = OnVlans(2, 200, 100);
        ha.Second.Configuration = OnVlans(3, 100, 200);
        using RawPort client = new(ha.Lab.Client, "e0");
        ha.First.Start();
        ha.Second.Start();
        DirectorHa.WaitFor(ha.First, A, B);
        DirectorHa.WaitFor(ha.Second, B, A);
        AssertIsAt(10, DirectorHa.FirstMac);
        AssertIsAt(20, DirectorHa.SecondMac);
        Assert.Equal(0, ha.First.Fwdctl("vrrp backup vlan10 --for 60").ExitCode);
        DirectorHa.WaitFor(ha.Second, A, A);
        AssertIsAt(10, DirectorHa.SecondMac);

        // A tagged question, since not every kernel has VLAN devices; tcpdump sees the tag of the answer.
        void AssertIsAt(int vlan, string mac)
        {
            using Capture answers = new(ha.Lab.Switch, "p-cl", $"vlan {vlan} and arp[6:2] = 2", ha.Lab.Folder);
            client.Send(Convert.FromHexString($"FFFFFFFFFFFF02000000000181000{vlan:X3}080600010800060400010200000000010A{vlan:X2}0001000000000000" + $"0A{vlan:X2}0064"));
            Thread.Sleep(300);
            byte[] answer = Assert.Single(answers.Stop());
            Assert.Equal((mac, "02:00:00:00:00:01"), (Pcap.Source(answer), Pcap.Destination(answer)));
            Assert.Equal($"0A{vlan:X2}0064", Convert.ToHexString(answer, 32, 4));
        }
    }

    /// <summary>Version 2, 1 s, priority 100: 3.609 s from the last word of a router that died, 0.609 s from the priority 0 of one that stops.</summary>
    [Fact]
    public void The_timers_of_priority_100_are_seen_on_the_wire()
    {
        KeepalivedCase agreed = new("version 2, cisco, 1 s", VrrpVersion.V2, 100, "cisco");
        using KeepalivedBed bed = new(agreed);
        bed.Capture();
        bed.StartKeepalived(200);
        Wait.Until(() => bed.TheyOwn, "keepalived is master");
        using OurRouter router = new(bed, agreed.Ours(100));
        router.WaitFor(VrrpState.Backup, "it follows");
        Thread.Sleep(2 * agreed.IntervalMs);
        bed.KillKeepalived();
        router.WaitFor(VrrpState.Active, "keepalived is dead");
        bed.StartKeepalived(200);
        router.WaitFor(VrrpState.Backup, "keepalived is back");
        Thread.Sleep(2 * agreed.IntervalMs);
        bed.TerminateKeepalived();
        router.WaitFor(VrrpState.Active, "keepalived has resigned");
        Thread.Sleep(100);

        (double AtS, bool Ours, int Priority)[] adverts = [.. bed.Dissect("vrrp", "frame.time_epoch", "ip.src", "vrrp.prio").Select(f => (double.Parse(f[0], CultureInfo.InvariantCulture), f[1] == agreed.OurAddress, int.Parse(f[2], CultureInfo.InvariantCulture)))];
        int[] takeovers = [.. Enumerable.Range(1, adverts.Length - 1).Where(i => adverts[i].Ours && !adverts[i - 1].Ours && adverts[i].Priority == 100)];
        double[] waits = [.. takeovers.Select(i => adverts[i].AtS - adverts[i - 1].AtS)];
        // Between them ours says its last word to the router that came back.
        Assert.InRange(waits[0], 3.609, 3.709);
        Assert.Equal(0, adverts[takeovers[^1] - 1].Priority);
        Assert.InRange(waits[^1], 0.609, 0.709);
    }

    private static string Learn(int priority, int intervalCs, string more) =>
        $$"""{ "name": "learn", "interface": "lan0", "vrid": 4, "version": 2, "password": "cisco", "priority": {{priority}}, "intervalCs": {{intervalCs}}, "addresses": [ "10.0.0.4" ]{{more}} }""";

    private static string OnVlans(int number, int priority10, int priority20) => $$"""
        {
          "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
          "interfaces": [ { "name": "v10", "port": "lan0", "vlan": 10, "addresses": [ "10.10.0.{{number}}/24" ] }, { "name": "v20", "port": "lan0", "vlan": 20, "addresses": [ "10.20.0.{{number}}/24" ] } ],
          "vrrp": [ {{DirectorHa.Group("vlan10", 1, priority10, "10.10.0.100", wire: "v10")}}, {{DirectorHa.Group("vlan20", 1, priority20, "10.20.0.100", wire: "v20")}} ]
        }
        """;
}
