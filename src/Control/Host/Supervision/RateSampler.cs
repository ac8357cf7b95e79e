namespace Forwarder.Control;

/// <summary>Takes a sample of the counters every few seconds, so that rates can be shown.</summary>
public sealed class RateSampler(DataplaneSupervisor supervisor, SnapshotCompiler compiler, CounterBases counters) : BackgroundService
{
    private const int IntervalMs = 2_000;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            if (supervisor.Region is { } region)
            {
                counters.Sample(region, compiler.Servers.Used.Select(s => s.Value));
            }

            await Task.Delay(IntervalMs, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
