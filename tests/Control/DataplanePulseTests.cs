using Forwarder.Abi;

namespace Forwarder.Control.Tests;

/// <summary>When what was written to an exception port has left the director.</summary>
public sealed class DataplanePulseTests : IDisposable
{
    private readonly Region _region = Region.CreatePrivate(new RegionLayout(2, 1 << 20));

    public void Dispose() => _region.Dispose();

    [Fact]
    public void HousekeepingMustTurnAndThenTheWorker()
    {
        DataplanePulse pulse = new(_region, 1_000);
        Assert.False(HasLeft(pulse));
        Turn(5);                                // a worker alone sends nothing of ours
        Assert.False(HasLeft(pulse));
        Empty(1_200);
        Assert.False(HasLeft(pulse));
        Turn(1);                                // it may have been in the middle of a turn
        Assert.False(HasLeft(pulse));
        Turn(1);
        Assert.True(HasLeft(pulse));
        Assert.True(HasLeft(pulse));
    }

    [Fact]
    public void ARoundThatBeganBeforeDoesNotCount()
    {
        DataplanePulse pulse = new(_region, 1_000);
        Empty(1_000);
        Turn(9);
        Assert.False(HasLeft(pulse));
        Turn(9);
        Assert.False(HasLeft(pulse));
    }

    /// <summary>A host that is so busy that one leaves after the next was written: both leave with the same turn.</summary>
    [Fact]
    public void OneDoesNotWaitForTheOther()
    {
        DataplanePulse first = new(_region, 1_000), second = new(_region, 1_100);
        Empty(1_200);
        Assert.False(HasLeft(first));
        Assert.False(HasLeft(second));
        Turn(2);
        Assert.True(HasLeft(first));
        Assert.True(HasLeft(second));
    }

    private static bool HasLeft(DataplanePulse pulse)
    {
        pulse.Look();
        return pulse.HasLeft;
    }

    private void Empty(ulong startedNs) => _region.Process.HeartbeatNs = startedNs;

    private void Turn(int times) => _region.Worker(0).Heartbeat += (ulong)times;
}
