using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Dataplane;

/// <summary>
/// A forwarding worker: one lcore, one Rx and one Tx queue on each port, run to completion. Nothing here allocates,
/// locks, throws or calls virtually; what cannot be sent is freed and counted, never retried.
/// </summary>
public static unsafe class Worker
{
    private const int RxAtOnce = Limits.BurstMax, InjectAtOnce = 32;
    private const uint ClockEveryTurns = 16, IdleTurnsBeforeSleep = 64, PublishGrainMs = 1024;

    /// <summary>Runs until <see cref="WorkerContext.Stop"/>.</summary>
    public static void Run(WorkerContext* w)
    {
        Volatile.Write(ref w->Engine.Block->Running, 1);
        ReadClock(w);
        w->Engine.SweepMs = w->Engine.NowMs;
        while (Volatile.Read(ref w->Stop) == 0)
        {
            RunOnce(w);
        }

        Volatile.Write(ref w->Engine.Block->Running, 0);
    }

    /// <summary>One turn: a packet's way from Rx to Tx.</summary>
    public static void RunOnce(WorkerContext* w)
    {
        Turn(w);
        int received = 0;
        for (int port = 0; port < w->PortCount; port++)
        {
            int count = Receive(w, port);
            if (count == 0)
            {
                continue;
            }

            received += count;
            Forward(w);
        }

        if (w->Engine.UsesHandOver != 0 || w->TurnsSinceClock == 0)
        {
            received += TakeOver(w);
        }

        received += Inject(w);
        Transmit(w);
        Idle(w, received);
    }

    /// <summary>The stages over one burst.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Forward(WorkerContext* w)
    {
        Classify.Run(&w->Engine, &w->Burst);
        Select.Run(&w->Engine, &w->Burst);
        Rewrite.Run(&w->Engine, &w->Burst);
        if (w->Engine.UsesLeases != 0)
        {
            Fence.Run(&w->Engine, &w->Burst, (ulong)Stopwatch.GetTimestamp());
            Dispatch(w);
            Transmit(w); // nothing may come between the fence and the send
        }
        else
        {
            Dispatch(w);
        }

        Settle(w);
    }

    /// <summary>Takes up a new snapshot; now and then reads the clock, sweeps the flow tables and shows signs of life.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(WorkerContext* w)
    {
        ulong word = Volatile.Read(ref w->Region->Accepted); // ordering 3 of SnapshotPublisher
        if (word != w->SnapshotWord)
        {
            TakeUp(w, word);
        }

        if (w->Engine.UsesLeases != 0)
        {
            w->Engine.NowNs = (ulong)Stopwatch.GetTimestamp(); // a lease is worth nothing against an old clock
        }

        if (++w->TurnsSinceClock >= ClockEveryTurns || w->IdleTurns != 0)
        {
            ReadClock(w);
            if (FlowSweep.IsOwed(&w->Engine))
            {
                FlowSweep.Run(&w->Engine);
            }

            FlowRemovals.Run(&w->Engine, (FlowQueryBlock*)((byte*)w->Region + RegionLayout.FlowQueryOffset));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TakeUp(WorkerContext* w, ulong word)
    {
        // Ordering 4 of SnapshotPublisher: mark it as seen, fence, and look again before the first read.
        for (ulong again; ; word = again)
        {
            Volatile.Write(ref w->Engine.Block->SeenGeneration, SnapshotWord.Generation(word));
            Interlocked.MemoryBarrier();
            again = Volatile.Read(ref w->Region->Accepted);
            if (again == word)
            {
                break;
            }
        }

        w->SnapshotWord = word;
        if (word != 0)
        {
            EngineState.UseSnapshot(&w->Engine, new SnapshotView(w->SnapshotSlots + (SnapshotWord.Slot(word) * w->SnapshotSlotStrideBytes)));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReadClock(WorkerContext* w)
    {
        uint before = w->Engine.NowMs;
        w->TurnsSinceClock = 0;
        w->Engine.NowMs = (uint)Environment.TickCount64;
        w->Engine.Block->Heartbeat++;
        if ((before ^ w->Engine.NowMs) >= PublishGrainMs)
        {
            w->Engine.Block->AllocatedBytesSinceSeal = (ulong)GC.GetAllocatedBytesForCurrentThread();
        }
    }

    /// <summary>Takes a burst from a port. Bare facts of each packet go into the burst; its frame is on its way into the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Receive(WorkerContext* w, int port)
    {
        Burst* burst = &w->Burst;
        int count = w->RxBurst(w->DpdkPort[port], (ushort)w->Index, burst->Packet, RxAtOnce);
        if (count == 0)
        {
            return 0;
        }

        ulong bytes = Describe(w, count, port, out uint odd);
        w->Engine.Block->Counters.RxPackets += (uint)count;
        w->Engine.Block->Counters.RxBytes += bytes;
        if (odd != 0 || w->SnapshotWord == 0)
        {
            count = Refuse(w);
        }

        if (w->FromKernel[port] != 0)
        {
            PartialChecksums.Complete(burst);
        }

        return count;
    }

    /// <summary>Puts bare facts of each packet into the burst. Returns their bytes, and not 0 if one has several segments.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Describe(WorkerContext* w, int count, int port, out uint odd)
    {
        Burst* burst = &w->Burst;
        ulong bytes = 0;
        odd = 0;
        for (int i = 0; i < count; i++)
        {
            ulong mbuf = burst->Packet[i];
            byte* frame = Mbuf.Frame(mbuf);
            Sse.Prefetch0(frame);
            burst->Frame[i] = (ulong)frame;
            uint length = Mbuf.Length(mbuf);
            burst->Length[i] = length;
            burst->ChecksumBad[i] = Mbuf.IsIpChecksumBad(mbuf);
            odd |= (uint)Mbuf.SegmentCount(mbuf) >> 1;
            bytes += length;
        }

        burst->Count = count;
        burst->Ingress = port;
        burst->Moved = 0;
        return bytes;
    }

    /// <summary>Packets that arrived at other workers and whose flows live here; they go through the stages from the start.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int TakeOver(WorkerContext* w)
    {
        int taken = 0;
        for (uint from = 0; from < w->Engine.WorkerCount; from++)
        {
            if (from == w->Engine.WorkerIndex)
            {
                continue;
            }

            int count = w->HandOverFrom[(int)from].PopOfOnePort(w->Burst.Packet, RxAtOnce, out int port);
            if (count == 0)
            {
                continue;
            }

            taken += count;
            _ = Describe(w, count, port, out _);
            w->Engine.Block->Counters.TakenOver += (uint)count;
            if (w->SnapshotWord != 0 || Refuse(w) != 0)
            {
                Forward(w);
            }
        }

        return taken;
    }

    /// <summary>Drops what cannot be worked on: everything before the first snapshot, packets of several segments.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Refuse(WorkerContext* w)
    {
        Burst* burst = &w->Burst;
        int kept = 0;
        for (int i = 0; i < burst->Count; i++)
        {
            if (w->SnapshotWord == 0 || Mbuf.SegmentCount(burst->Packet[i]) > 1)
            {
                Lose(w, burst->Packet[i], w->SnapshotWord == 0 ? DropReason.NoSnapshot : DropReason.MultiSegment);
                continue;
            }

            burst->Packet[kept] = burst->Packet[i];
            burst->Frame[kept] = burst->Frame[i];
            burst->Length[kept] = burst->Length[i];
            burst->ChecksumBad[kept] = burst->ChecksumBad[i];
            kept++;
        }

        Settle(w);
        burst->Count = kept;
        return kept;
    }

    /// <summary>Sends each packet where its verdict says.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Dispatch(WorkerContext* w)
    {
        Burst* burst = &w->Burst;
        if (burst->Moved != 0)
        {
            TellMbufs(burst);
        }

        for (int i = 0; i < burst->Count; i++)
        {
            if (burst->VerdictOf(i) == Verdict.Forward)
            {
                Enqueue(w, burst->Egress[i], burst->Packet[i]);
            }
            else
            {
                DispatchOther(w, i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DispatchOther(WorkerContext* w, int i)
    {
        Burst* burst = &w->Burst;
        ulong packet = burst->Packet[i];
        ref WorkerCounters counters = ref w->Engine.Block->Counters;
        switch (burst->VerdictOf(i))
        {
            case Verdict.Punt when TryPushUrgent(w, i):
            case Verdict.Punt when w->ToHousekeeping.TryPush(packet, 0, (uint)burst->Ingress):
                counters.PuntedPackets++;
                break;
            case Verdict.Wait when w->ToHousekeeping.TryPush(packet, burst->NextHop[i], Fence.GroupOf(&w->Engine, burst, i)):
                counters.QueuedPackets++;
                break;
            case Verdict.Refuse when w->ToHousekeeping.HasRoomBeside(MbufPlan.RefusalReserve) && w->ToHousekeeping.TryPush(packet, SlowTag.Refusal(burst->Reason[i], burst->NextHop[i]), (uint)burst->Ingress):
                counters.PuntedPackets++;
                break;
            case Verdict.HandOver when w->HandOverTo[(int)burst->NextHop[i]].TryPush(packet, 0, (uint)burst->Ingress):
                counters.HandedOver++;
                break;
            case Verdict.HandOver:
                Lose(w, packet, DropReason.HandOverRingFull);
                break;
            case Verdict.Punt:
                Lose(w, packet, DropReason.PuntRingFull);
                break;
            case Verdict.Wait:
                Lose(w, packet, DropReason.NeighbourUnresolved);
                break;
            default:
                Lose(w, packet, (DropReason)burst->Reason[i]);
                break;
        }
    }

    /// <summary>Picks VRRP, ARP and neighbour discovery out; half of the ring is VRRP's alone.</summary>
    private static bool TryPushUrgent(WorkerContext* w, int i)
    {
        Burst* burst = &w->Burst;
        Urgency urgency = Urgencies.Of((byte*)burst->Frame[i], burst->Length[i]);
        return urgency != Urgency.None
            && (urgency == Urgency.Vrrp || w->Urgent.HasRoomBeside(MbufPlan.UrgentEntries / 2))
            && w->Urgent.TryPush(burst->Packet[i], 0, (uint)burst->Ingress);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void TellMbufs(Burst* burst)
    {
        for (int i = 0; i < burst->Count; i++)
        {
            if ((burst->Moved & (1u << i)) != 0)
            {
                Mbuf.SetFrame(burst->Packet[i], (byte*)burst->Frame[i], burst->Length[i]);
            }
        }
    }

    /// <summary>Frames that housekeeping wants sent: answers to ARP, ND and ICMP, packets that have waited, frames of the host.</summary>
    private static int Inject(WorkerContext* w)
    {
        int count = 0;
        while (count < InjectAtOnce && w->FromHousekeeping.TryPop(out PacketRing.Entry entry))
        {
            count++;
            if (entry.Port != 0 && !OwnsNow(w, entry.Port))
            {
                Lose(w, entry.Packet, DropReason.VipNotOwned);
                continue;
            }

            Enqueue(w, (int)entry.Tag, entry.Packet);
        }

        Settle(w);
        w->Engine.Block->Counters.InjectedPackets += (uint)count;
        return count;
    }

    /// <summary>Housekeeping has looked at the lease, too, but that was in another thread.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool OwnsNow(WorkerContext* w, uint group)
    {
        w->Engine.NowNs = (ulong)Stopwatch.GetTimestamp();
        return w->Engine.Owns(group);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Enqueue(WorkerContext* w, int port, ulong packet)
    {
        TxBuffer* tx = TxOf(w, port);
        if (tx->Count == TxBuffer.Capacity)
        {
            Flush(w, port, tx);
        }

        tx->Packets[tx->Count++] = packet;
    }

    private static void Transmit(WorkerContext* w)
    {
        for (int port = 0; port < w->PortCount; port++)
        {
            TxBuffer* tx = TxOf(w, port);
            if (tx->Count != 0)
            {
                Flush(w, port, tx);
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Flush(WorkerContext* w, int port, TxBuffer* tx)
    {
        ulong bytes = 0;
        for (int i = 0; i < tx->Count; i++)
        {
            bytes += Mbuf.Length(tx->Packets[i]);
        }

        int count = tx->Count;
        int sent = w->TxBurst(w->DpdkPort[port], (ushort)w->Index, tx->Packets, (ushort)count);
        tx->Count = 0;
        if (sent < count)
        {
            for (int i = sent; i < count; i++)
            {
                bytes -= Mbuf.Length(tx->Packets[i]);
            }

            w->FreeBulk(tx->Packets + sent, (uint)(count - sent));
            w->Engine.Block->Drops[(int)DropReason.TxFull] += (uint)(count - sent);
        }

        w->Engine.Block->Counters.TxPackets += (uint)sent;
        w->Engine.Block->Counters.TxBytes += bytes;
    }

    private static TxBuffer* TxOf(WorkerContext* w, int port) => (TxBuffer*)Unsafe.AsPointer(ref w->Tx) + port;

    /// <summary>Counts a lost packet and puts it with those to free.</summary>
    private static void Lose(WorkerContext* w, ulong packet, DropReason reason)
    {
        w->Engine.Block->Drops[(int)reason]++;
        w->Free[w->FreeCount++] = packet;
    }

    /// <summary>Frees what was lost in this burst.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Settle(WorkerContext* w)
    {
        if (w->FreeCount != 0)
        {
            w->FreeBulk(w->Free, (uint)w->FreeCount);
            w->FreeCount = 0;
        }
    }

    /// <summary>Counts the turn; on shared CPUs an idle worker gives way to others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Idle(WorkerContext* w, int received)
    {
        w->Engine.Block->Counters.Turns++;
        if (received != 0)
        {
            w->IdleTurns = 0;
            return;
        }

        w->Engine.Block->Counters.IdleTurns++;
        if (++w->IdleTurns > IdleTurnsBeforeSleep && w->IdleSleepUs != 0)
        {
            w->SleepUs(w->IdleSleepUs);
        }
    }
}
