using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

/// <summary>
/// Switches that snoop MLD pass a group's frames only to those who have reported it: without reports nobody would find an
/// IPv6 VIP behind one (RFC 4862 section 5.4.2, RFC 3810).
/// </summary>
public sealed class MulticastMembershipTests
{
    private const string Vip = "2001:db8::100", Own = "2001:db8::2", LinkLocal = "fe80::ff:fe00:1";
    private const ulong RouterMac = 0xFE00_0000_0002;

    [Fact]
    public void NewAddressesAreReportedWithTheirAnnouncements()
    {
        using SlowPathRig rig = Rig();
        rig.Pass(Forwarder.Engine.SlowPath.AnnouncementIntervalMs * 5);
        byte[][] reports = [.. rig.Sent.Select(f => f.Frame).Where(IsReport)];
        Assert.Equal(3 * Forwarder.Engine.SlowPath.AnnouncementCount, reports.Length); // VIP, own address, link-local address
        Assert.Contains(reports, r => r.AsSpan().SequenceEqual(Report("ff02::1:ff00:100")));
        Assert.Contains(reports, r => r.AsSpan().SequenceEqual(Report("ff02::1:ff00:2")));
        Assert.Contains(reports, r => r.AsSpan().SequenceEqual(Report("ff02::1:ff00:1")));
    }

    [Fact]
    public void AQueryIsAnsweredOnceAndGoesToTheHost()
    {
        using SlowPathRig rig = Rig();
        rig.Pass(Forwarder.Engine.SlowPath.AnnouncementIntervalMs * 5);
        rig.Sent.Clear();
        rig.Punt(Query());
        rig.Pass(Forwarder.Engine.SlowPath.AnnouncementIntervalMs * 5);
        Assert.Equal(3, rig.Sent.Count(f => IsReport(f.Frame)));
        Assert.DoesNotContain(rig.Sent, f => f.Frame[20] == 58 && f.Frame[54] == 136);
        Assert.Single(rig.ToTheHost);
    }

    [Fact]
    public void WithoutIpv6NothingIsReported()
    {
        ContentBuilder builder = new();
        builder.Interface(0, 0, "10.0.0.2");
        builder.Local("10.0.0.100", LocalAddressKind.Vip);
        using SlowPathRig rig = new(builder.Content);
        rig.Pass(Forwarder.Engine.SlowPath.AnnouncementIntervalMs * 5);
        Assert.DoesNotContain(rig.Sent, f => f.Frame[12] == 0x86);
    }

    [Theory]
    [InlineData("hop limit")]
    [InlineData("source")]
    [InlineData("checksum")]
    public void AnUnsoundQueryIsTheHostsAlone(string what)
    {
        using SlowPathRig rig = Rig();
        rig.Pass(Forwarder.Engine.SlowPath.AnnouncementIntervalMs * 5);
        rig.Sent.Clear();
        byte[] query = Query();
        query[what switch { "hop limit" => 21, "source" => 22, _ => 80 }] ^= 0x10;
        rig.Punt(query);
        rig.Pass(1_000);
        Assert.DoesNotContain(rig.Sent, f => IsReport(f.Frame));
        Assert.Single(rig.ToTheHost);
    }

    private static SlowPathRig Rig()
    {
        ContentBuilder builder = new();
        builder.Interface(0, 0, Own);
        builder.Local(Vip, LocalAddressKind.Vip);
        return new SlowPathRig(builder.Content);
    }

    private static bool IsReport(byte[] frame) => frame[12] == 0x86 && frame[20] == 0 && frame[62] == 143;

    /// <summary>RFC 3810 section 5.2, one record: exclude nothing, that is, send all.</summary>
    private static byte[] Report(string group) =>
        WithHopByHop(Messages.Icmpv6(LinkLocal, "ff02::16", Messages.DirectorMac, [143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, .. IPAddress.Parse(group).GetAddressBytes()], hopLimit: 1));

    /// <summary>RFC 3810 section 5.1: a general query.</summary>
    private static byte[] Query() =>
        WithHopByHop(Messages.Icmpv6("fe80::fe", "ff02::1", RouterMac, [130, 0, 0, 0, 0x27, 0x10, 0, 0, .. new byte[16], 2, 125, 0, 0], hopLimit: 1));

    /// <summary>Puts the router alert (RFC 2711) before an ICMPv6 message; its checksum stays.</summary>
    private static byte[] WithHopByHop(byte[] frame)
    {
        byte[] result = [.. frame[..54], 58, 0, 5, 2, 0, 0, 1, 0, .. frame[54..]];
        result[20] = 0;
        result[19] += 8;
        return result;
    }
}
