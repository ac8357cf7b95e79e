using Forwarder.Dataplane;

namespace Forwarder.Unit.Tests.Engine;

public sealed class SealMeterTests
{
    /// <summary>A meter that cannot move proves nothing.</summary>
    [Fact]
    public void MovesWithEachObjectAndEachCollection()
    {
        SealMeter meter = default;
        meter.Set();
        ulong before = meter.AllocatedBytes;
        GC.KeepAlive(new byte[1000]);
        Assert.InRange(meter.AllocatedBytes - before, 1000ul, ulong.MaxValue);
        GC.Collect();
        Assert.InRange(meter.Collections, 1ul, ulong.MaxValue);
    }
}
