using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Abi;

public sealed class HandOverTests : IDisposable
{
    private const int Enough = 50, AtLeastMs = 1_500, DeadlineMs = 60_000;

    private readonly Region _region = Region.CreatePrivate(new RegionLayout(2, 1 << 20));
    private readonly SnapshotContent _content;

    public HandOverTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "10.0.0.2");
        builder.Service("10.0.0.1", 80, 6, Scheduler.Maglev, 251, (lan, "10.0.0.7", 1));
        _content = builder.Content;
    }

    public void Dispose() => _region.Dispose();

    [Fact]
    public void ABadSnapshotIsRefusedAndTheOldOneStays()
    {
        SnapshotPublisher publisher = new(_region);
        SnapshotGate gate = new(_region);
        Assert.True(publisher.TryPublish(_content, out ulong first));
        Assert.True(gate.TryAccept(out _));
        Assert.True(publisher.TryPublish(_content, out ulong second));
        _region.SnapshotSlot(SnapshotWord.Slot(_region.Header.Published))[Unsafe.SizeOf<SnapshotHeader>() + 64] ^= 1;
        Assert.False(gate.TryAccept(out _));
        Assert.Equal(first, publisher.AcceptedGeneration);
        Assert.Equal(second, _region.Header.RejectedGeneration);
        Assert.Equal((uint)SnapshotFault.Checksum, _region.Header.RejectedFault);
        Assert.True(publisher.TryPublish(_content, out ulong third));
        Assert.True(gate.TryAccept(out _));
        Assert.Equal(third, publisher.AcceptedGeneration);
    }

    [Fact]
    public void ASlotInUseByAWorkerIsNotWritten()
    {
        SnapshotPublisher publisher = new(_region);
        SnapshotGate gate = new(_region);
        _region.Worker(0).Running = 1;
        for (int i = 0; i < 2; i++)
        {
            Assert.True(publisher.TryPublish(_content, out ulong generation));
            Assert.True(gate.TryAccept(out _));
            _region.Worker(0).SeenGeneration = i == 0 ? generation : 1;
        }

        Assert.True(publisher.TryPublish(_content, out _)); // the third slot
        Assert.True(gate.TryAccept(out _));
        Assert.True(publisher.TryPublish(_content, out _)); // the second one's: nobody uses it
        Assert.True(gate.TryAccept(out _));
        Assert.Equal(1UL, MemoryMarshal.Read<SnapshotHeader>(_region.SnapshotSlot(0)).Generation);
        Assert.False(publisher.IsSeenByAllWorkers(2));
        _region.Worker(0).SeenGeneration = 4;
        Assert.True(publisher.IsSeenByAllWorkers(4));
    }

    [Fact]
    public void ANewGateResumesTheAcceptedSnapshot()
    {
        SnapshotPublisher publisher = new(_region);
        publisher.TryPublish(_content, out ulong generation);
        Assert.True(new SnapshotGate(_region).TryAccept(out _));
        Assert.True(new SnapshotGate(_region).TryResume(out SnapshotView view));
        Assert.Equal(generation, view.Generation);
    }

    /// <summary>Publisher, gate and a worker as three threads: no worker ever reads a snapshot that is being written.</summary>
    [Fact]
    public async Task NobodyReadsASnapshotThatIsBeingWritten()
    {
        SnapshotPublisher publisher = new(_region);
        bool stop = false;
        long torn = 0, turns = 0;
        // Threads of their own: on a busy machine the pool may not have one for each.
        Task gate = Task.Factory.StartNew(() =>
        {
            SnapshotGate own = new(_region);
            while (!Volatile.Read(ref stop))
            {
                own.TryAccept(out _);
                Thread.Yield();
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        Task worker = Task.Factory.StartNew(() => Work(ref stop, ref torn, ref turns), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        int published = 0;
        long started = Environment.TickCount64;
        // As long as it takes on a busy machine: each thread gets its turns before the deadline, or the hand-over is stuck.
        while (Environment.TickCount64 < started + DeadlineMs && (Environment.TickCount64 < started + AtLeastMs || published < Enough || Volatile.Read(ref turns) < Enough))
        {
            published += publisher.TryPublish(_content, out _) ? 1 : 0;
            Thread.Yield();
        }

        Volatile.Write(ref stop, true);
        await Task.WhenAll(gate, worker);
        Assert.Equal(0, torn);
        Assert.InRange(published, Enough, int.MaxValue);
        Assert.InRange(turns, Enough, long.MaxValue);
    }

    private void Work(ref bool stop, ref long torn, ref long turns)
    {
        ref WorkerBlock block = ref _region.Worker(0);
        Volatile.Write(ref block.Running, 1);
        while (!Volatile.Read(ref stop))
        {
            ulong word = Volatile.Read(ref _region.Header.Accepted);
            if (word == 0)
            {
                continue;
            }

            for (ulong again; ; word = again)
            {
                Volatile.Write(ref block.SeenGeneration, SnapshotWord.Generation(word));
                Interlocked.MemoryBarrier();
                again = Volatile.Read(ref _region.Header.Accepted);
                if (again == word)
                {
                    break;
                }
            }

            Interlocked.Increment(ref turns);
            Span<byte> slot = _region.SnapshotSlot(SnapshotWord.Slot(word));
            torn += SnapshotVerifier.Verify(slot, SnapshotWord.Generation(word), out _) == SnapshotFault.None ? 0 : 1;
            Thread.Sleep(1); // a long turn: the others move on meanwhile, the snapshot must not
            torn += SnapshotVerifier.Verify(slot, SnapshotWord.Generation(word), out _) == SnapshotFault.None ? 0 : 1;
        }
    }
}
