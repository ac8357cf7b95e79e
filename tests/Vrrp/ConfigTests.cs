namespace Forwarder.Vrrp.Tests;

public class ConfigTests
{
    private static VrrpConfig Good => Rig.Config();

    [Fact]
    public void Good_ones_have_no_problem()
    {
        Assert.Empty(Good.Validate());
        Assert.Empty(Packets.V2Pass.Validate());
        Assert.Empty(Packets.V3IPv6.Validate());
        Assert.Empty((Good with { IntervalCs = 1, Vrid = 255, Priority = 1 }).Validate());
        Assert.Empty((Good with { IntervalCs = 4095, Vrid = 1, Priority = 255 }).Validate());
        Assert.Empty((Packets.V2Pass with { IntervalCs = 25500, AuthData = "12345678"u8.ToArray() }).Validate());
        Assert.Empty((Packets.V2Pass with { AuthData = "1"u8.ToArray() }).Validate());
        Assert.Empty((Good with { AlsoVersion2 = true, AuthType = VrrpAuthType.SimpleText, AuthData = "1"u8.ToArray() }).Validate());
        Assert.Empty((Good with { UnicastPeers = [Rig.Lower] }).Validate());
        Assert.Empty((Good with { PreemptDelayMs = VrrpLimits.DelayMaxMs }).Validate());
    }

    [Fact]
    public void Each_problem_names_its_field()
    {
        Expect("vrid", Good with { Vrid = 0 });
        Expect("priority", Good with { Priority = 0 });
        Expect("intervalCs", Good with { IntervalCs = 0 });
        Expect("intervalCs", Good with { IntervalCs = 4096 });
        Expect("intervalCs", Packets.V2Pass with { IntervalCs = 150 });
        Expect("intervalCs", Packets.V2Pass with { IntervalCs = 25600 });
        Expect("intervalCs", Packets.V2Pass with { IntervalCs = 0 });
        Expect("preemptDelayMs", Good with { PreemptDelayMs = -1 });
        Expect("startDelayMs", Good with { StartDelayMs = VrrpLimits.DelayMaxMs + 1 });
        Expect("announce.count", Good with { Announce = new VrrpAnnounceConfig { Count = 0 } });
        Expect("announce.repeatDelayMs", Good with { Announce = new VrrpAnnounceConfig { RepeatDelayMs = -1 } });
        Expect("announce.refreshMs", Good with { Announce = new VrrpAnnounceConfig { RefreshMs = -1 } });
        Expect("announce.refreshCount", Good with { Announce = new VrrpAnnounceConfig { RefreshCount = 0 } });
        Expect("addresses", Good with { Addresses = [] });
        Expect("addresses[1]", Good with { Addresses = [Rig.Lower, Rig.Lower] });
        Expect("addresses[0]", Good with { Addresses = [VrrpAddress.Parse("fe80::1")] });
        Expect("unicastPeers[0]", Good with { UnicastPeers = [VrrpAddress.Parse("fe80::1")] });
        Expect("unicastPeers[0]", Good with { UnicastPeers = [Rig.Own] });
        Expect("unicastPeers", Good with { UnicastPeers = [.. Many(33)] });
        Expect("alsoVersion2", Packets.V3IPv6 with { AlsoVersion2 = true });
        Expect("alsoVersion2", Packets.V2Pass with { AlsoVersion2 = true });
        Expect("version", Packets.V3IPv6 with { Version = VrrpVersion.V2, IntervalCs = 100 });
        Expect("version", Good with { Version = (VrrpVersion)4 });
        Expect("authData", Good with { AuthData = "x"u8.ToArray() });
        Expect("authData", Packets.V2Pass with { AuthData = default });
        Expect("authData", Packets.V2Pass with { AuthData = "123456789"u8.ToArray() });
        Expect("authType", Good with { AuthType = VrrpAuthType.SimpleText, AuthData = "x"u8.ToArray() });
        Expect("authType", Packets.V2Pass with { AuthType = VrrpAuthType.AuthenticationHeader });
    }

    [Fact]
    public void List_that_does_not_fit_the_packet_is_refused_not_split()
    {
        Assert.Empty((Good with { Addresses = [.. Many(255)] }).Validate());
        Expect("addresses", Good with { Addresses = [.. Many(256)] });
        VrrpConfig six = Packets.V3IPv6 with { Addresses = [.. Many(90, true)] };
        Assert.Empty(six.Validate()); // 40 + 8 + 90 * 16 = 1488
        Assert.Empty(six.Validate(1488));
        VrrpConfigProblem problem = Assert.Single(six.Validate(1487));
        Assert.Equal("addresses", problem.Field);
        Assert.Contains("1488", problem.Message, StringComparison.Ordinal);
        Assert.Contains("1487", problem.Message, StringComparison.Ordinal);
        Expect("addresses", Packets.V3IPv6 with { Addresses = [.. Many(91, true)] });
    }

    [Fact]
    public void All_problems_are_reported_together() =>
        Assert.Equal(3, (Good with { Vrid = 0, Priority = 0, Addresses = [] }).Validate().Count);

    private static void Expect(string field, VrrpConfig config)
    {
        VrrpConfigProblem problem = Assert.Single(config.Validate());
        Assert.Equal(field, problem.Field);
        Assert.NotEmpty(problem.Message);
    }

    private static IEnumerable<VrrpAddress> Many(int count, bool isIPv6 = false) =>
        Enumerable.Range(1, count).Select(i => VrrpAddress.Parse(isIPv6 ? $"fe80::{i:x}" : $"10.0.{i >> 8}.{i & 255}"));
}
