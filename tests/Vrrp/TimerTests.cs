namespace Forwarder.Vrrp.Tests;

/// <summary>The timers with the figures that network engineers know.</summary>
public class TimerTests
{
    [Theory]
    [InlineData(VrrpVersion.V2, 100, 100, 3609.375)]
    [InlineData(VrrpVersion.V3, 100, 100, 3609.375)]
    [InlineData(VrrpVersion.V2, 200, 100, 3218.75)]
    [InlineData(VrrpVersion.V3, 200, 100, 3218.75)]
    [InlineData(VrrpVersion.V2, 100, 300, 9609.375)] // version 2: the skew does not scale
    [InlineData(VrrpVersion.V3, 100, 300, 10828.125)]
    [InlineData(VrrpVersion.V3, 1, 100, 3996.09375)]
    [InlineData(VrrpVersion.V3, 254, 100, 3007.8125)]
    [InlineData(VrrpVersion.V3, 255, 100, 3003.90625)]
    [InlineData(VrrpVersion.V3, 100, 1, 36.09375)]
    [InlineData(VrrpVersion.V3, 254, 1, 30.078125)]
    [InlineData(VrrpVersion.V3, 100, 4095, 147803.90625)]
    public void Master_down_interval(VrrpVersion version, byte priority, int intervalCs, double expectedMs) =>
        Assert.Equal(expectedMs, VrrpTimers.MasterDownNs(version, priority, VrrpTimers.IntervalNs(intervalCs)) / 1e6, 6);

    [Theory]
    [InlineData(VrrpVersion.V2, 100, 1, 609.375)]
    [InlineData(VrrpVersion.V3, 100, 1, 6.09375)]
    [InlineData(VrrpVersion.V3, 0, 100, 1000)]
    public void Skew(VrrpVersion version, byte priority, int intervalCs, double expectedMs) =>
        Assert.Equal(expectedMs, VrrpTimers.SkewNs(version, priority, VrrpTimers.IntervalNs(intervalCs)) / 1e6, 6);

    [Fact]
    public void At_10_ms_each_priority_still_has_a_skew_of_its_own()
    {
        long intervalNs = VrrpTimers.IntervalNs(1);
        for (int priority = 1; priority < 255; priority++)
        {
            long nextNs = VrrpTimers.SkewNs(VrrpVersion.V3, (byte)(priority + 1), intervalNs);
            Assert.InRange(VrrpTimers.SkewNs(VrrpVersion.V3, (byte)priority, intervalNs) - nextNs, 39_062, 39_063);
        }
    }

    [Theory]
    [InlineData(100, 2900)]
    [InlineData(1, 29)]
    public void Lease_ends_before_any_peer_can_take_over(int intervalCs, double expectedMs)
    {
        long intervalNs = VrrpTimers.IntervalNs(intervalCs);
        Assert.Equal(expectedMs, VrrpTimers.LeaseNs(intervalNs) / 1e6);
        Assert.True(VrrpTimers.LeaseNs(intervalNs) < VrrpTimers.MasterDownNs(VrrpVersion.V3, 255, intervalNs));
    }

    [Fact]
    public void Handover_waits_longer_than_any_skew()
    {
        Assert.Equal(1500, VrrpTimers.HandoverNs(VrrpVersion.V3, VrrpTimers.IntervalNs(100)) / 1e6);
        Assert.Equal(2500, VrrpTimers.HandoverNs(VrrpVersion.V2, VrrpTimers.IntervalNs(300)) / 1e6);
        Assert.Equal(510, VrrpTimers.HandoverNs(VrrpVersion.V3, VrrpTimers.IntervalNs(1)) / 1e6);   // a busy peer may be late by many intervals
    }
}
