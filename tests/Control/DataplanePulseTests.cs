using Forwarder.Abi;

namespace Forwarder.Control.Tests;

/// <summary>When what was written to an exception port has left the director.</summary>
public sealed class DataplanePulseTests : IDisposable
{
    private readonly Region _region = Region.CreatePrivate(new RegionLayout(2, 1 << 20));
    private readonly DataplanePulse _pulse = new();

    public void Dispose() => _region.Dispose();

    [Fact]
    public void HousekeepingMustTurnAndThenTheWorker()
    {
        Assert.Equal(0, Look(1_000));
        Turn(5);                                // a worker alone sends nothing of ours
        Assert.Equal(0, Look(1_100));
        Empty(1_200);
        Assert.Equal(0, Look(1_300));
        Turn(1);                                // it may have been in the middle of a turn
        Assert.Equal(0, Look(1_400));
        Turn(1);
        Assert.Equal(1_000, Look(1_500));
        Assert.Equal(1_000, Look(1_600));
    }

    [Fact]
    public void ARoundThatBeganBeforeDoesNotCount()
    {
        Assert.Equal(0, Look(1_000));
        Empty(1_000);
        Turn(9);
        Assert.Equal(0, Look(1_100));
        Turn(9);
        Assert.Equal(0, Look(1_200));
    }

    [Fact]
    public void AnotherDataplaneStartsAnew()
    {
        Look(1_000);
        Empty(1_100);
        Look(1_200);
        using Region next = Region.CreatePrivate(new RegionLayout(1, 1 << 20));
        next.Worker(0).Heartbeat = 50;
        Assert.Equal(0, _pulse.SentBeforeNs(next, 2_000));
        next.Worker(0).Heartbeat = 60;
        Assert.Equal(0, _pulse.SentBeforeNs(next, 2_100));
    }

    private long Look(long nowNs) => _pulse.SentBeforeNs(_region, nowNs);

    private void Empty(ulong startedNs) => _region.Process.HeartbeatNs = startedNs;

    private void Turn(int times) => _region.Worker(0).Heartbeat += (ulong)times;
}
