using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Dataplane;
using Forwarder.Engine;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// A real worker whose ports, pool and housekeeping are the test's: <see cref="Worker.RunOnce"/> takes frames that end
/// where memory ends, and each must come out once.
/// </summary>
public sealed unsafe class WorkerRig : IDisposable
{
    /// <summary>Entries of the ring to housekeeping, and bytes of a frame with room before it.</summary>
    public const int RingEntries = MbufPlan.RingEntries, BufferBytes = 4096;

    private const int MbufBytes = 128, Flows = 8192, PortCount = 2, Sources = 2;
    [ThreadStatic] private static WorkerRig? t_current;

    private readonly List<nint> _memory = [];
    private readonly GuardedMemory[] _buffers = [.. Enumerable.Range(0, Limits.BurstMax).Select(_ => new GuardedMemory(BufferBytes))];
    private readonly Region _region = Region.CreatePrivate(new RegionLayout(1, 16 << 20));
    private readonly SnapshotPublisher _publisher;
    private readonly SnapshotGate _gate;
    private readonly ConnectionSums _sums;
    private readonly WorkerContext* _worker;
    private readonly byte* _mbufs;
    private readonly Fate?[] _fates = new Fate?[Limits.BurstMax];
    private int _rxPort, _rxCount;
    private string? _fault;

    public WorkerRig(SnapshotContent content, ulong mac)
    {
        _publisher = new SnapshotPublisher(_region);
        _gate = new SnapshotGate(_region);
        _sums = new ConnectionSums(_region);
        _worker = (WorkerContext*)Zeroed(sizeof(WorkerContext));
        _mbufs = (byte*)Zeroed(MbufBytes * Limits.BurstMax);
        _worker->Engine.Flows4 = FlowTable4.Create(Zeroed(FlowTable4.MeasureBytes(Flows)), Flows);
        _worker->Engine.Flows6 = FlowTable6.Create(Zeroed(FlowTable6.MeasureBytes(Flows)), Flows);
        _worker->Engine.Fragments = FragmentTable.Create(Zeroed(FragmentTable.MeasureBytes));
        _worker->Engine.Ports = LocalPorts.Create(Zeroed(LocalPorts.MeasureBytes(Sources, 1, State->Flows4, State->Flows6)), Sources, 0, 1, State->Flows4, State->Flows6);
        _worker->ToHousekeeping = PacketRing.Create(Zeroed(PacketRing.MeasureBytes(RingEntries)), RingEntries);
        _worker->Urgent = PacketRing.Create(Zeroed(PacketRing.MeasureBytes(MbufPlan.UrgentEntries)), MbufPlan.UrgentEntries);
        _worker->FromHousekeeping = PacketRing.Create(Zeroed(PacketRing.MeasureBytes(RingEntries)), RingEntries);
        _worker->PortCount = PortCount;
        (_worker->DpdkPort[0], _worker->DpdkPort[1]) = (0, 1);
        _worker->Region = (RegionHeader*)_region.Start;
        _worker->SnapshotSlots = _region.SnapshotSlotStart(0);
        _worker->SnapshotSlotStrideBytes = _region.Layout.SlotStrideBytes;
        _worker->RxBurst = &Rx;
        _worker->TxBurst = &Tx;
        _worker->FreeBulk = &Free;
        EngineState.Initialize(&_worker->Engine, (ulong*)(_region.Start + RegionLayout.NeighboursOffset), (ulong*)(_region.Start + RegionLayout.LeasesOffset),
            (WorkerBlock*)Unsafe.AsPointer(ref _region.Worker(0)), (ServerCounters*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_region.ServerCounters(0))),
            (SourceCounters*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_region.SourceCounters(0))),
            (ServiceCounters*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_region.ServiceCounters(0))), (uint*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(_region.OtherConnections(0))), [mac, mac]);
        State->NowMs = State->SweepMs = 1_024_000;
        if (!_publisher.TryPublish(content, out _) || !_gate.TryAccept(out SnapshotView view))
        {
            throw new InvalidOperationException($"Snapshot refused: {(SnapshotFault)_region.Header.RejectedFault}, entry {_region.Header.RejectedIndex}.");
        }

        _sums.SetSnapshot(view);
    }

    /// <summary>What the stages work on.</summary>
    public EngineState* State => &_worker->Engine;

    /// <summary>MAC addresses and states of the next hops by slot.</summary>
    public Span<ulong> Neighbours => _region.Neighbours;

    /// <summary>Leases by VRRP group.</summary>
    public Span<ulong> Leases => _region.Leases;

    /// <summary>Counters of the worker, and losses by reason.</summary>
    public WorkerCounters Counters => State->Block->Counters;

    public DropCounters Drops => State->Block->Drops;

    /// <summary>Frames that a port's Tx queue still takes, and entries that the ring to housekeeping still does.</summary>
    public int TxRoom { get; set; } = int.MaxValue;

    public int RingRoom { get; set; } = RingEntries;

    /// <summary>Entries that the ring for urgent frames still takes; without any they go the way of all others.</summary>
    public int UrgentRoom { get; set; }

    /// <summary>Whether the port finds a frame's IPv4 header checksum wrong; whether it comes in two segments. By index.</summary>
    public Func<int, bool> ChecksumBad { get; set; } = _ => false;

    public Func<int, bool> InSegments { get; set; } = _ => false;

    /// <summary>What happens while the worker receives, after it has looked at the clock.</summary>
    public Action WhileReceiving { get; set; } = () => { };

    /// <summary>One turn in which housekeeping wants a frame sent that relies on a VRRP group's lease.</summary>
    public Fate Inject(int port, byte[] frame, uint group)
    {
        Place(0, frame);
        _worker->FromHousekeeping.TryPush((ulong)_mbufs, (uint)port, group);
        return Turn(port, 0, 1)[0];
    }

    /// <summary>One turn with these frames from one port.</summary>
    public Fate[] Turn(int port, IReadOnlyList<byte[]> frames)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            Place(i, frames[i]);
        }

        return Turn(port, frames.Count, frames.Count);
    }

    private void Place(int i, byte[] frame)
    {
        byte* at = _buffers[i].Place(frame), mbuf = _mbufs + (i * MbufBytes), start = at + frame.Length - BufferBytes;
        *(byte**)(mbuf + Mbuf.BufferAddressOffset) = start;
        *(ushort*)(mbuf + Mbuf.DataOffsetOffset) = (ushort)(at - start);
        *(ushort*)(mbuf + Mbuf.SegmentCountOffset) = InSegments(i) ? (ushort)2 : (ushort)1;
        *(ulong*)(mbuf + Mbuf.FlagsOffset) = ChecksumBad(i) ? Mbuf.IpChecksumBad : 0;
        *(ushort*)(mbuf + Mbuf.DataLengthOffset) = (ushort)frame.Length;
        *(uint*)(mbuf + Mbuf.PacketLengthOffset) = (uint)frame.Length;
    }

    /// <summary>One turn in which so many frames come in by a port; the fates of the first ones that were placed.</summary>
    private Fate[] Turn(int port, int received, int placed)
    {
        for (int n = RingRoom; n < RingEntries; n++)
        {
            _worker->ToHousekeeping.TryPush(0, 0, 0);
        }

        for (int n = UrgentRoom; n < MbufPlan.UrgentEntries; n++)
        {
            _worker->Urgent.TryPush(0, 0, 0);
        }

        (_rxPort, _rxCount) = (port, received);
        _worker->TurnsSinceClock = _worker->IdleTurns = 0; // the clock is the test's
        Array.Clear(_fates);
        t_current = this;
        _sums.Run();
        Worker.RunOnce(_worker);
        Housekeeping();
        if (_fault != null || _fates.Take(placed).Any(f => f == null))
        {
            throw new InvalidOperationException(_fault ?? "A frame is lost and not given back.");
        }

        return [.. _fates.Take(placed).Select(f => f!)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (nint memory in _memory)
        {
            NativeMemory.AlignedFree((void*)memory);
        }

        foreach (GuardedMemory buffer in _buffers)
        {
            buffer.Dispose();
        }

        _region.Dispose();
    }

    private void Housekeeping()
    {
        while (_worker->Urgent.TryPop(out PacketRing.Entry entry))
        {
            if (entry.Packet != 0)
            {
                End(entry.Packet, "urgent", DropReason.None, (int)entry.Port, entry.Tag);
            }
        }

        while (_worker->ToHousekeeping.TryPop(out PacketRing.Entry entry))
        {
            if (entry.Packet == 0)
            {
                continue;
            }

            bool refused = SlowTag.IsRefusal(entry.Tag, out DropReason reason, out int mtu);
            End(entry.Packet, refused ? "refuse" : entry.Tag == 0 ? "punt" : "wait", refused ? reason : DropReason.None, entry.Tag == 0 || refused ? (int)entry.Port : _rxPort, refused ? (uint)mtu : entry.Tag);
        }
    }

    private void End(ulong mbuf, string kind, DropReason reason, int port, uint tag, DropReason lost = DropReason.None)
    {
        int index = (int)((mbuf - (ulong)_mbufs) / MbufBytes), inBurst = InBurst(mbuf);
        _fault ??= _fates[index] != null ? "A frame is given away twice." : *(uint*)(mbuf + Mbuf.PacketLengthOffset) != Mbuf.Length(mbuf) ? "The two lengths of a frame differ." : null;
        uint server = inBurst < 0 ? 0 : _worker->Burst.Server[inBurst];
        _fates[index] = new Fate(kind, reason, port, tag, server, new Span<byte>(Mbuf.Frame(mbuf), (int)Mbuf.Length(mbuf)).ToArray(), lost);
    }

    private int InBurst(ulong mbuf)
    {
        for (int i = 0; i < _worker->Burst.Count; i++)
        {
            if (_worker->Burst.Packet[i] == mbuf)
            {
                return i;
            }
        }

        return -1;
    }

    [UnmanagedCallersOnly]
    private static ushort Rx(ushort port, ushort queue, ulong* mbufs, ushort count)
    {
        WorkerRig rig = t_current!;
        if (port != rig._rxPort)
        {
            return 0;
        }

        rig.WhileReceiving();
        for (int i = 0; i < rig._rxCount; i++)
        {
            mbufs[i] = (ulong)(rig._mbufs + (i * MbufBytes));
        }

        return (ushort)rig._rxCount;
    }

    [UnmanagedCallersOnly]
    private static ushort Tx(ushort port, ushort queue, ulong* mbufs, ushort count)
    {
        int taken = Math.Min(count, t_current!.TxRoom);
        for (int i = 0; i < taken; i++)
        {
            t_current.End(mbufs[i], "forward", DropReason.None, port, 0);
        }

        return (ushort)taken;
    }

    [UnmanagedCallersOnly]
    private static void Free(ulong* mbufs, uint count)
    {
        WorkerRig rig = t_current!;
        Burst* burst = &rig._worker->Burst;
        for (uint i = 0; i < count; i++)
        {
            int at = Mbuf.SegmentCount(mbufs[i]) > 1 ? -1 : rig.InBurst(mbufs[i]);
            Verdict verdict = at < 0 ? Verdict.Drop : burst->VerdictOf(at);
            DropReason reason = at < 0 ? DropReason.MultiSegment : (DropReason)burst->Reason[at];
            switch (verdict)
            {
                case Verdict.Forward: rig.End(mbufs[i], "forward", DropReason.None, burst->Egress[at], 0, DropReason.TxFull); break;
                case Verdict.Punt: rig.End(mbufs[i], "punt", DropReason.None, burst->Ingress, 0, DropReason.PuntRingFull); break;
                case Verdict.Wait: rig.End(mbufs[i], "wait", DropReason.None, burst->Ingress, burst->NextHop[at], DropReason.NeighbourUnresolved); break;
                case Verdict.Refuse: rig.End(mbufs[i], "refuse", reason, burst->Ingress, burst->NextHop[at], reason); break;
                default: rig.End(mbufs[i], "drop", reason, 0, 0); break;
            }
        }
    }

    private void* Zeroed(long bytes)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, 64);
        NativeMemory.Clear(memory, (nuint)bytes);
        _memory.Add((nint)memory);
        return memory;
    }
}
