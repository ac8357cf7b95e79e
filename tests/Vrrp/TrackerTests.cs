namespace Forwarder.Vrrp.Tests;

public class TrackerTests
{
    [Theory]
    [InlineData(150, 35, 115)]
    [InlineData(250, 100, 150)]
    [InlineData(120, 30, 90)]
    public void Decrements_of_the_field(byte configured, int decrement, byte expected)
    {
        var tracker = new VrrpTracker([new VrrpTrackedObject("eth1", -decrement)]);
        Assert.Equal(configured, tracker.PriorityFor(configured));
        tracker.ReportState(0, false);
        Assert.Equal(expected, tracker.PriorityFor(configured));
        Assert.False(tracker.IsFault);
        tracker.ReportState(0, true);
        Assert.Equal(configured, tracker.PriorityFor(configured));
    }

    [Theory]
    [InlineData(20, false, 20, 0)]
    [InlineData(20, true, -20, 0)]
    [InlineData(-20, false, 0, -20)]
    [InlineData(-20, true, 0, 20)]
    public void Weights_count_as_in_keepalived(int weight, bool reverse, int offsetUp, int offsetDown)
    {
        var tracker = new VrrpTracker([new VrrpTrackedObject("x", weight, reverse)]);
        Assert.Equal(offsetUp, tracker.OffsetOf(0));
        tracker.ReportState(0, false);
        Assert.Equal(offsetDown, tracker.OffsetOf(0));
        Assert.False(tracker.IsFault);
    }

    [Fact]
    public void Weight_zero_is_a_fault()
    {
        var tracker = new VrrpTracker([new VrrpTrackedObject("eth0", 0), new VrrpTrackedObject("peer", 0, true)]);
        Assert.False(tracker.IsFaultOf(0));
        Assert.True(tracker.IsFaultOf(1));
        tracker.ReportState(1, false);
        Assert.False(tracker.IsFault);
        tracker.ReportState(0, false);
        Assert.True(tracker.IsFault);
        Assert.Equal(0, tracker.Offset);
    }

    [Fact]
    public void Sums_stay_within_1_and_254_and_owners_do_not_move()
    {
        var down = new VrrpTracker([new VrrpTrackedObject("a", -100), new VrrpTrackedObject("b", -100)]);
        down.ReportState(0, false);
        Assert.Equal(1, down.PriorityFor(100));
        Assert.Equal(1, down.PriorityFor(101));
        Assert.Equal(2, down.PriorityFor(102));
        down.ReportState(1, false);
        Assert.Equal(-200, down.Offset);
        Assert.Equal(1, down.PriorityFor(150));
        Assert.Equal(255, down.PriorityFor(255));

        var up = new VrrpTracker([new VrrpTrackedObject("a", 100), new VrrpTrackedObject("b", 54)]);
        Assert.Equal(254, up.PriorityFor(100));
        Assert.Equal(254, up.PriorityFor(254));
        Assert.Equal(253, up.PriorityFor(99));
    }

    [Fact]
    public void Weights_out_of_range_are_refused()
    {
        Assert.Empty(new VrrpTrackedObject("x", 253).Validate(100));
        Assert.Empty(new VrrpTrackedObject("x", -253).Validate(100));
        Assert.Single(new VrrpTrackedObject("x", 254).Validate(100));
        Assert.Single(new VrrpTrackedObject("x", -254).Validate(100));
        Assert.Single(new VrrpTrackedObject("x", 1).Validate(255));
        Assert.Empty(new VrrpTrackedObject("x", 0).Validate(255));
        Assert.Empty(new VrrpTrackedObject("x", 1).Validate(254));
    }

    [Fact]
    public void Rise_and_fall()
    {
        var state = new VrrpRiseFall(2, 3, true);
        Assert.False(state.Report(false));
        Assert.False(state.Report(false));
        Assert.False(state.Report(true));
        Assert.False(state.Report(false));
        Assert.False(state.Report(false));
        Assert.True(state.Report(false));
        Assert.False(state.IsUp);
        Assert.False(state.Report(true));
        Assert.False(state.Report(false));
        Assert.False(state.Report(true));
        Assert.True(state.Report(true));
        Assert.True(state.IsUp);
        Assert.False(state.Report(false));
    }

    [Fact]
    public void Rise_and_fall_of_one_follow_at_once()
    {
        var state = new VrrpRiseFall(1, 1, false);
        Assert.True(state.Report(true));
        Assert.True(state.Report(false));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VrrpRiseFall(0, 1, true));
        Assert.Throws<ArgumentOutOfRangeException>(() => new VrrpRiseFall(1, 0, true));
    }
}
