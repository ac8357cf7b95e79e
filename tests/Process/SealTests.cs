using System.Diagnostics;
using Forwarder.Abi;
using Forwarder.Engine;
using Xunit.Abstractions;

namespace Forwarder.Process.Tests;

/// <summary>After its start the dataplane allocates nothing on the managed heap, whatever it is given to do.</summary>
public sealed class SealTests(ITestOutputHelper output) : IDisposable
{
    private readonly Bed _bed = new();

    public void Dispose() => _bed.Dispose();

    /// <summary>
    /// Long enough for the neighbours' addresses to age (30 s) and be asked for again: meanwhile no packet is lost or has to wait.
    /// New flows, changes of the snapshot, bad ones, flow queries, punts and malformed frames come between.
    /// </summary>
    [Fact]
    public void UnderLoadNothingIsAllocatedAndNoPacketIsLostWhileNeighboursAreProbed()
    {
        _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        Lan.Resolve(_bed);
        ulong asked = _bed.Region.Process.SlowPath.ArpSent;
        Stopwatch clock = Stopwatch.StartNew();
        int sent = 0, changes = 0;
        for (long changeMs = 1_000; clock.ElapsedMilliseconds < Engine.NeighbourTable.ReachableTimeMs + 3_000;)
        {
            Lan.Forward(_bed, 1024 + (sent % 50_000)); // answers ARP meanwhile; fails when the segment does not arrive
            sent++;
            if (sent % 100 == 0)
            {
                _bed.Wire.Send(Lan.Arp(1, Lan.Client, Lan.Vip, Lan.MacOf(Lan.Client), 0xFFFF_FFFF_FFFF));
                _bed.Wire.Send(new byte[60]);
            }

            if (clock.ElapsedMilliseconds > changeMs)
            {
                changeMs += 1_000;
                changes++;
                _bed.Publish(Lan.Content(1 + (changes % 3), 1));
                FlowQuery.All(_bed.Region);
            }
        }

        Thread.Sleep(1_500); // the meters are read twice a second
        ProcessBlock process = _bed.Region.Process;
        output.WriteLine($"{sent} segments, {changes} snapshots, {process.SlowPath.ArpSent - asked} ARP requests; {process.AllocatedBytesSinceSeal} bytes allocated, {process.CollectionsSinceSeal} collections.");
        Assert.Equal(1u, process.Sealed);
        Assert.Equal((0ul, 0ul), (process.AllocatedBytesSinceSeal, process.CollectionsSinceSeal));
        Assert.Equal(0ul, _bed.Region.Worker(0).AllocatedBytesSinceSeal);
        Assert.InRange(process.SlowPath.ArpSent - asked, 2ul, 20ul);
        Assert.Equal(0ul, process.SlowPath.QueuedForNeighbour);
        Assert.Equal((ulong)sent, _bed.Region.Worker(0).Counters.ForwardedPackets);
    }

    /// <summary>The meter in the region can move: the runtime allocates to deliver a signal, and the last report has that.</summary>
    [Fact]
    public void TheMeterShowsWhatIsAllocated()
    {
        DataplaneProcess dataplane = _bed.StartAndWait();
        Thread.Sleep(1_000);
        Assert.Equal(0ul, _bed.Region.Process.AllocatedBytesSinceSeal);
        Assert.Equal(0, dataplane.Terminate());
        Assert.InRange(_bed.Region.Process.AllocatedBytesSinceSeal, 1ul, 1_000_000ul);
    }
}
