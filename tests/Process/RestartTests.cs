using System.Diagnostics;
using Forwarder.Abi;
using Forwarder.Engine;
using Xunit.Abstractions;

namespace Forwarder.Process.Tests;

/// <summary>A dataplane that dies comes back as it was; flows keep their servers.</summary>
public sealed class RestartTests(ITestOutputHelper output) : IDisposable
{
    private const int FirstPort = 20_000, Flows = 200, BackWithinMs = 2_000;
    private readonly Bed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void AfterKillItResumesTheSnapshotAtOnceWithTheFlowsOnTheirServers()
    {
        DataplaneProcess first = _bed.StartAndWait();
        ulong generation = _bed.Publish(Lan.Content(2, 1));
        Lan.Resolve(_bed);
        ulong[] before = Servers(Wire.Syn);
        Assert.Equal(2, before.Distinct().Count());

        first.Kill();
        Assert.Equal(ProcessState.Running, _bed.State); // it could not say goodbye
        Stopwatch clock = Stopwatch.StartNew();
        DataplaneProcess second = _bed.Start();
        byte[]? frame = null;
        while (frame == null)
        {
            Assert.True(clock.ElapsedMilliseconds < BackWithinMs, second.Errors);
            _bed.Wire.Send(Lan.Segment(FirstPort, Wire.Ack));
            frame = _bed.Wire.TryReceive(f => Lan.IsSegment(f, FirstPort), timeoutMs: 10); // ARP is not answered: the servers' addresses are remembered
        }

        output.WriteLine($"Forwarding again {clock.ElapsedMilliseconds} ms after the start.");
        _bed.Wire.Drain();
        Assert.Equal(before, Servers(Wire.Ack));
        Assert.Equal(generation, _bed.Region.Worker(0).SeenGeneration);
        Wait.Until(() => second.Errors.Contains($"resumed generation {generation}", StringComparison.Ordinal), "the log says so");
        Assert.InRange(_bed.Region.Worker(0).Counters.FlowsMidstream, (ulong)Flows, (ulong)Flows + 50);
    }

    [Fact]
    public void ASnapshotPublishedWhileItWasDownIsTakenUpBeforeTheFirstPacket()
    {
        DataplaneProcess first = _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        Lan.Resolve(_bed);
        first.Kill();
        Assert.True(_bed.Publisher.TryPublish(Lan.Content(1, 0), out ulong generation));
        _bed.StartAndWait();
        Wait.Until(() => _bed.Region.Worker(0).SeenGeneration == generation, "the worker uses the newest snapshot");
        Assert.All(Servers(Wire.Syn), s => Assert.Equal(Lan.MacOf(Lan.Servers[0]), s));
        Assert.Equal(0ul, _bed.Drops(DropReason.NoSnapshot));
    }

    [Fact]
    public void AFlowKeepsItsServerWhenTheSetChanges()
    {
        _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        Lan.Resolve(_bed);
        ulong[] before = Servers(Wire.Syn);
        ulong goes = Lan.MacOf(Lan.Servers[1]), stays = Lan.MacOf(Lan.Servers[0]);
        Assert.Contains(goes, before);

        _bed.Publish(Lan.Content(1, 0)); // quiesced: no new flows, the old ones stay
        Assert.Equal(before, Servers(Wire.Ack));
        Assert.All(Servers(Wire.Syn, Flows), s => Assert.Equal(stays, s));

        _bed.Publish(Lan.Content(65, 1)); // back, with another weight: most of the table has another server now
        Assert.Equal(before, Servers(Wire.Ack));
        Assert.Equal(0ul, _bed.Region.Worker(0).Counters.FlowsRescheduled);
    }

    /// <summary>The server's MAC address for each flow.</summary>
    private ulong[] Servers(byte flags, int offset = 0) => [.. Enumerable.Range(FirstPort + offset, Flows).Select(p => Lan.Destination(Lan.Forward(_bed, p, flags)))];
}
