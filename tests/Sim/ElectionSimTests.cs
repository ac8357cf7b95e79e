using System.Diagnostics;
using Xunit.Abstractions;

namespace Forwarder.Sim.Tests;

/// <summary>Routers on a wire that loses, delays, doubles, damages and parts; one seed after another.</summary>
public class ElectionSimTests(ITestOutputHelper output)
{
    private const int TraceLines = 80;

    [Fact]
    public void Election_holds_for_every_seed()
    {
        if (SimEnvironment.ReplaySeed is { } seed)
        {
            new SimRun(seed, output.WriteLine).Execute();
            return;
        }

        var watch = Stopwatch.StartNew();
        long events = 0;
        long activations = 0;
        long damage = 0;
        long overlaps = 0;
        int exclusive = 0;
        for (int i = 0; i < SimEnvironment.Seeds; i++)
        {
            SimRun run = Execute(SimEnvironment.First + (ulong)i);
            events += run.World.Events;
            activations += run.World.Activations;
            damage += run.World.DamageSeen;
            overlaps += run.World.Monitors.Any(monitor => monitor.OverlapLongestNs > 0) ? 1 : 0;
            exclusive += run.Scenario.IsExclusive ? 1 : 0;
        }

        output.WriteLine(
            $"{SimEnvironment.Seeds} seeds ({exclusive} in which two owners are never allowed) in {watch.Elapsed.TotalSeconds:F1} s: {events} events, " +
            $"{activations} activations, {damage} damaged packets refused, {overlaps} seeds with a moment of two owners");

        // A simulation in which nothing happens proves nothing.
        Assert.True(events > 100L * SimEnvironment.Seeds);
        Assert.True(activations >= SimEnvironment.Seeds);
    }

    [Fact]
    public void The_same_seed_is_the_same_run()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            var first = new SimRun(seed);
            var second = new SimRun(seed);
            first.Execute();
            second.Execute();
            Assert.Equal(first.World.Events, second.World.Events);
            Assert.Equal(first.World.Digest, second.World.Digest);
        }
    }

    private SimRun Execute(ulong seed)
    {
        var run = new SimRun(seed);
        try
        {
            run.Execute();
        }
        catch (Exception failure)
        {
            output.WriteLine($"FORWARDER_SIM_SEED={seed} {failure.Message}");
            ShowEnd(seed);
            throw;
        }

        return run;
    }

    /// <summary>Runs it again and shows how it came to the failure.</summary>
    private void ShowEnd(ulong seed)
    {
        var lines = new Queue<string>();
        try
        {
            new SimRun(seed, line =>
            {
                lines.Enqueue(line);
                if (lines.Count > TraceLines)
                {
                    lines.Dequeue();
                }
            }).Execute();
        }
        catch (SimFailure)
        {
            foreach (string line in lines)
            {
                output.WriteLine(line);
            }
        }
    }
}
