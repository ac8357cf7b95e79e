using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>How long the service is out after a crash of the active director. script/bench-failover does it a hundred times.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData(10, 3)]
    [InlineData(1_000, 1)]
    public void After_a_crash_the_service_is_out_for_no_longer_than_it_may(int intervalMs, int runs)
    {
        using Failover failover = new(intervalMs);
        for (int i = 0; i < runs; i++)
        {
            FailoverRun run = failover.Run();
            output.WriteLine($"{run}");

            // The bound is a quiet machine's; to it comes how late this one woke a sleeping thread in this run.
            Assert.True(run.OutageMs <= failover.OutageMaxMs + run.JitterMs, $"{run}: more than {failover.OutageMaxMs} ms and the jitter");
            Assert.True(run.OutageMs >= 2 * intervalMs, $"{run}: nothing has crashed");
        }
    }
}
