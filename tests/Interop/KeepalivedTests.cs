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

    private static KeepalivedCase[] All =>
    [
        KeepalivedCase.Version2, KeepalivedCase.Version3Fast, KeepalivedCase.Version3IPv6,
        KeepalivedCase.Version2Unicast, KeepalivedCase.Version3Unicast, KeepalivedCase.Version3IPv6Unicast, KeepalivedCase.VirtualMac4, KeepalivedCase.VirtualMac6,
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Higher_router_preempts_keepalived_and_gives_back(string name)
    {
        KeepalivedCase agreed = Find(name);
        using KeepalivedBed bed = new(agreed);
        bed.Capture();
        bed.StartKeepalived(Theirs);
        Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
        using OurRouter router = new(bed, agreed.Ours(Higher));
        router.WaitFor(VrrpState.Active, "preempts");
        Assert.True(router.Reason == VrrpReason.Preempted, $"{router.Reason}; refused: {string.Join(", ", Enum.GetValues<VrrpDecodeError>().Select(e => (e, router.Link.Count(e))).Where(c => c.Item2 != 0))}\n{bed.Log}");
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

        Thread.Sleep(agreed.IntervalMs);
        bed.TerminateKeepalived();
        Thread.Sleep(100);
        AssertAdvertisements(bed, agreed, Higher, 255, agreed.OurAddress, KeepalivedBed.OurMac, agreed.TheirAddress, KeepalivedBed.TheirMac);
        AssertAdvertisements(bed, agreed, Theirs, agreed.TheirTtl, agreed.TheirAddress, KeepalivedBed.TheirMac, agreed.OurAddress, KeepalivedBed.OurMac);
        AssertAnnouncements(bed, agreed);
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

    /// <summary>Ours leaves a lower router alone for the delay; keepalived leaves ours alone for its own.</summary>
    [Fact]
    public void A_preempt_delay_is_kept_by_both()
    {
        const int DelayMs = 2_000;
        KeepalivedCase agreed = KeepalivedCase.Version3Fast;
        using (KeepalivedBed bed = new(agreed))
        {
            bed.StartKeepalived(Theirs);
            Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
            long startNs = VrrpLoopNow();
            using OurRouter router = new(bed, agreed.Ours(Higher) with { PreemptDelayMs = DelayMs });
            router.WaitFor(VrrpState.Active, "after the delay");
            Assert.Equal(VrrpReason.Preempted, router.Reason);
            Assert.InRange((router.ChangedNs - startNs) / MsNs, DelayMs, DelayMs + (5 * agreed.IntervalMs) + MarginMs);
        }

        using (KeepalivedBed bed = new(agreed))
        {
            using OurRouter router = new(bed, agreed.Ours(Lower));
            router.WaitFor(VrrpState.Active, "alone");
            long startNs = VrrpLoopNow();
            bed.StartKeepalived(Theirs, $"preempt_delay {DelayMs / 1_000}");
            router.WaitFor(VrrpState.Backup, "keepalived preempts after its delay");
            Assert.Equal(VrrpReason.HigherPriority, router.Reason);
            Assert.InRange((router.ChangedNs - startNs) / MsNs, DelayMs, DelayMs + 3_000); // it needs a while to start
            Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
        }
    }

    /// <summary>An upgrade: ours is of version 3 and speaks version 2 beside it, keepalived knows version 2 alone. Ours says and does nothing before its start delay.</summary>
    [Fact]
    public void A_router_that_speaks_both_versions_shares_the_vip_with_a_keepalived_of_version_2()
    {
        const int DelayMs = 1_500;
        KeepalivedCase agreed = KeepalivedCase.Version2;
        using KeepalivedBed bed = new(agreed);
        bed.Capture();
        bed.StartKeepalived(Theirs);
        Wait.Until(() => bed.TheyOwn, "keepalived becomes master");
        long startNs = VrrpLoopNow();
        using OurRouter router = new(bed, agreed.Ours(Higher) with { Version = VrrpVersion.V3, AlsoVersion2 = true, StartDelayMs = DelayMs });
        router.WaitFor(VrrpState.Active, "preempts");
        Assert.Equal(VrrpReason.Preempted, router.Reason);
        Assert.InRange((router.ChangedNs - startNs) / MsNs, DelayMs, DelayMs + (5 * agreed.IntervalMs) + MarginMs);
        Wait.Until(() => !bed.TheyOwn, $"keepalived gives way\n{bed.Log}");
        Thread.Sleep(3 * agreed.IntervalMs);
        Assert.True(router.WeOwn);
        Assert.Equal(0, router.Instance.Counters.IntervalsLearned);
        router.Stop();
        Wait.Until(() => bed.TheyOwn, "keepalived takes over after the resignation");
        AssertNothingRefused(router);
        string[] ours = [.. bed.Dissect($"vrrp && ip.src == {agreed.OurAddress}", "vrrp.version", "vrrp.prio", "vrrp.checksum.status").Select(f => string.Join(' ', f))];
        Assert.Equal(["2 0 1", "2 150 1", "3 0 1", "3 150 1"], ours.Distinct().Order());
        Assert.InRange(ours.Count(f => f.StartsWith('3')) - ours.Count(f => f.StartsWith('2')), -1, 1);
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

    /// <summary>Every field of every advertisement of one router, the last one its resignation.</summary>
    private static void AssertAdvertisements(KeepalivedBed bed, KeepalivedCase agreed, byte priority, byte ttl, string source, string sourceMac, string peer, string peerMac)
    {
        string ip = agreed.IsIPv6 ? "ipv6" : "ip";
        (string Name, string Value)[] expected =
        [
            ("eth.src", agreed.SourceMacOf(sourceMac)), ("eth.dst", agreed.TargetMacOf(peerMac)),
            ($"{ip}.src", source), ($"{ip}.dst", agreed.TargetOf(peer)),
            .. agreed.IsIPv6 ? new[] { ("ipv6.hlim", $"{ttl}"), ("ipv6.nxt", "112") } : [("ip.ttl", $"{ttl}"), ("ip.proto", "112"), ("ip.checksum.status", "1"), ("ip.hdr_len", "20"), ("ip.flags.mf", "0"), ("ip.frag_offset", "0")],
            ("vrrp.version", $"{(int)agreed.Version}"), ("vrrp.type", "1"), ("vrrp.virt_rtr_id", $"{KeepalivedCase.Vrid}"), ("vrrp.addr_count", $"{agreed.Vips.Count}"), ("vrrp.checksum.status", "1"),
            .. agreed.Version == VrrpVersion.V2
                ? new[] { ("vrrp.auth_type", agreed.Password == null ? "0" : "1"), ("vrrp.adver_int", $"{agreed.IntervalCs / 100}"), ("vrrp.auth_string", agreed.Password ?? ""), ("vrrp.short_adver_int", "") }
                : [("vrrp.short_adver_int", $"{agreed.IntervalCs}"), ("vrrp.auth_type", ""), ("vrrp.adver_int", "")],
            (agreed.IsIPv6 ? "vrrp.ipv6_addr" : "vrrp.ip_addr", string.Join(',', agreed.Vips)),
        ];
        string[] values = [.. expected.Select(e => e.Value)];
        IReadOnlyList<string[]> adverts = bed.Dissect($"vrrp && !icmp && !icmpv6 && {ip}.src == {source}", ["vrrp.prio", .. expected.Select(e => e.Name)]);
        Assert.True(adverts.Count >= 3, $"{adverts.Count} advertisements from {source}");
        Assert.All(adverts.SkipLast(1), fields => Assert.Equal([$"{priority}", .. values], fields));
        Assert.Equal(["0", .. values], adverts[^1]);
    }

    /// <summary>Each VIP was announced five times as we became active.</summary>
    private static void AssertAnnouncements(KeepalivedBed bed, KeepalivedCase agreed)
    {
        string mac = agreed.SourceMacOf(KeepalivedBed.OurMac);
        string from = agreed.HasVirtualMac ? "" : $"&& eth.src == {mac}";   // with it, the two cannot be told apart
        IReadOnlyList<string[]> announced = agreed.IsIPv6
            ? bed.Dissect($"icmpv6.type == 136 {from}", "eth.src", "icmpv6.nd.na.target_address", "icmpv6.nd.na.flag.r", "icmpv6.nd.na.flag.o", "icmpv6.nd.na.flag.s", "icmpv6.checksum.status", "icmpv6.opt.linkaddr", "ipv6.hlim", "ipv6.dst")
            : bed.Dissect($"arp.isgratuitous == 1 {from}", "eth.src", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "arp.opcode", "eth.dst", "arp.src.hw_mac");
        foreach (string vip in agreed.Vips)
        {
            string[] expected = agreed.IsIPv6 ? [mac, vip, "1", "1", "0", "1", mac, "255", "ff02::1"] : [mac, vip, vip, "1", "ff:ff:ff:ff:ff:ff", mac];
            int count = announced.Count(fields => fields.SequenceEqual(expected));
            Assert.True(agreed.HasVirtualMac ? count >= 5 : count == 5, $"{vip} was announced {count} times; seen: {string.Join("; ", announced.Select(a => string.Join(' ', a)))}");
        }
    }

    private static KeepalivedCase Find(string name) => All.Single(c => c.Name == name);

    private static long VrrpLoopNow() => Control.VrrpLoop.NowNs;

    private static void AssertNothingRefused(OurRouter router)
    {
        Assert.All(Enum.GetValues<VrrpDecodeError>().Where(e => e != VrrpDecodeError.None), error => Assert.Equal((error, 0), (error, router.Link.Count(error))));
        Assert.Equal(0, router.Link.SendErrors);
    }
}
