using Forwarder.Lab;
using Forwarder.Vrrp;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>Elections with Debian's keepalived, in both roles.</summary>
public class KeepalivedTests(ITestOutputHelper output)
{
    private const byte Theirs = 100, Higher = 150, Lower = 50;
    private const long MsNs = VrrpLimits.NanosecondsPerMillisecond;

    /// <summary>Polling and a machine that has other work.</summary>
    private const int MarginMs = 400;

    public static TheoryData<string> Cases => [.. All.Select(c => c.Name)];

    private static KeepalivedCase[] All => [KeepalivedCase.Version2Password, KeepalivedCase.Version2, KeepalivedCase.Version3Fast, KeepalivedCase.Version3IPv6];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Higher_router_preempts_keepalived_and_gives_back(string name)
    {
        KeepalivedCase agreed = Find(name);
        using KeepalivedBed bed = new(agreed);
        bed.StartKeepalived(Theirs);
        Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
        using OurRouter router = new(bed, agreed.Ours(Higher));
        router.WaitFor(VrrpState.Active, "preempts");
        Assert.Equal(VrrpReason.Preempted, router.Reason);
        Assert.True(router.WeOwn);
        Wait.Until(() => !bed.TheyOwn, $"keepalived gives way\n{bed.Log}");

        Thread.Sleep(3 * agreed.IntervalMs);
        Assert.True(router.WeOwn, "the lease is renewed");
        Assert.False(bed.TheyOwn);

        long stoppedNs = VrrpLoopNow();
        router.Stop();
        Assert.False(router.WeOwn);
        Wait.Until(() => bed.TheyOwn, "keepalived takes over after the resignation");
        long gapMs = (VrrpLoopNow() - stoppedNs) / MsNs;
        output.WriteLine($"resignation to keepalived's takeover: {gapMs} ms");
        Assert.InRange(gapMs, 0, agreed.IntervalMs + MarginMs); // skew, not Master_Down_Interval
        AssertNothingRefused(router);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Lower_router_follows_keepalived_and_takes_over_when_it_ends(string name)
    {
        KeepalivedCase agreed = Find(name);
        using KeepalivedBed bed = new(agreed);
        bed.StartKeepalived(Theirs);
        Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
        using OurRouter router = new(bed, agreed.Ours(Lower));
        Thread.Sleep(4 * agreed.IntervalMs);
        Assert.Equal(VrrpState.Backup, router.State);
        Assert.False(router.WeOwn);
        Assert.True(router.Instance.IsFollowing);

        bed.TerminateKeepalived();
        router.WaitFor(VrrpState.Active, "keepalived resigned");
        Assert.Equal(VrrpReason.MasterResigned, router.Reason);

        bed.StartKeepalived(Theirs);
        router.WaitFor(VrrpState.Backup, "keepalived is back");
        Assert.Equal(VrrpReason.HigherPriority, router.Reason);
        Wait.Until(() => bed.TheyOwn, "keepalived becomes master again");

        Thread.Sleep(2 * agreed.IntervalMs);
        long killedNs = VrrpLoopNow();
        bed.KillKeepalived();
        router.WaitFor(VrrpState.Active, "keepalived is dead");
        long gapMs = (router.ChangedNs - killedNs) / MsNs;
        long downMs = VrrpTimers.MasterDownNs(agreed.Version, Lower, agreed.Ours(Lower).IntervalNs) / MsNs;
        output.WriteLine($"kill -9 of keepalived to our takeover: {gapMs} ms; Master_Down_Interval is {downMs} ms");
        Assert.Equal(VrrpReason.MasterDown, router.Reason);
        Assert.InRange(gapMs, downMs - agreed.IntervalMs - 100, downMs + MarginMs);
        AssertNothingRefused(router);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_we_send_is_what_the_dissector_reads(string name)
    {
        KeepalivedCase agreed = Find(name);
        using KeepalivedBed bed = new(agreed);
        using System.Diagnostics.Process capture = bed.Capture();
        using OurRouter router = new(bed, agreed.Ours(Higher));
        router.WaitFor(VrrpState.Active, "alone");
        Thread.Sleep(5 * agreed.IntervalMs / 2);
        router.Stop();
        Thread.Sleep(100);
        Shell.Run($"kill -INT {capture.Id}");
        capture.WaitForExit();

        string ip = agreed.IsIPv6 ? "ipv6" : "ip";
        IReadOnlyList<string[]> adverts = bed.Dissect(
            "vrrp", "vrrp.prio", "vrrp.version", "vrrp.virt_rtr_id", "vrrp.addr_count", "vrrp.checksum.status", $"{ip}.src", $"{ip}.dst",
            agreed.IsIPv6 ? "ipv6.hlim" : "ip.ttl", "eth.src", "eth.dst", agreed.IsIPv6 ? "vrrp.ipv6_addr" : "vrrp.ip_addr");
        string ours = agreed.IsIPv6 ? "fe80::1" : "10.77.0.1", group = agreed.IsIPv6 ? "ff02::12" : "224.0.0.18", groupMac = agreed.IsIPv6 ? "33:33:00:00:00:12" : "01:00:5e:00:00:12";
        string[] rest = [((int)agreed.Version).ToString(), "51", agreed.Vips.Count.ToString(), "1", ours, group, "255", "02:00:00:00:77:01", groupMac, string.Join(',', agreed.Vips)];
        Assert.True(adverts.Count >= 3, $"{adverts.Count} advertisements");
        Assert.All(adverts.SkipLast(1), fields => Assert.Equal([Higher.ToString(), .. rest], fields));
        Assert.Equal(["0", .. rest], adverts[^1]);

        IReadOnlyList<string[]> announced = agreed.IsIPv6
            ? bed.Dissect("icmpv6.type == 136", "icmpv6.nd.na.target_address", "icmpv6.nd.na.flag.o", "icmpv6.nd.na.flag.s", "icmpv6.checksum.status", "icmpv6.opt.linkaddr")
            : bed.Dissect("arp.isgratuitous == 1", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.opcode", "eth.dst", "arp.src.hw_mac");
        foreach (string vip in agreed.Vips)
        {
            string[] expected = agreed.IsIPv6 ? [vip, "1", "0", "1", "02:00:00:00:77:01"] : [vip, vip, "1", "ff:ff:ff:ff:ff:ff", "02:00:00:00:77:01"];
            Assert.Equal(5, announced.Count(fields => fields.SequenceEqual(expected)));
        }
    }

    [Fact]
    public void Advertisements_with_another_password_are_counted_and_not_acted_upon()
    {
        KeepalivedCase agreed = KeepalivedCase.Version2Password;
        using KeepalivedBed bed = new(agreed);
        bed.StartKeepalived(Theirs);
        Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
        using OurRouter router = new(bed, agreed.Ours(Lower) with { AuthData = "another"u8.ToArray() });
        Wait.Until(() => router.Link.Count(VrrpDecodeError.AuthFailure) >= 2, "counted");
        Assert.Equal(0, router.Instance.Counters.AdvertsReceived);
        Assert.False(router.Instance.IsFollowing);
    }

    private static KeepalivedCase Find(string name) => All.Single(c => c.Name == name);

    private static long VrrpLoopNow() => Control.VrrpLoop.NowNs;

    private static void AssertNothingRefused(OurRouter router)
    {
        Assert.All(Enum.GetValues<VrrpDecodeError>().Where(e => e != VrrpDecodeError.None), error => Assert.Equal((error, 0), (error, router.Link.Count(error))));
        Assert.Equal(0, router.Link.SendErrors);
    }
}
