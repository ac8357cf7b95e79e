using System.Diagnostics;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Dataplane;

/// <summary>The slow path's doors: mbufs, the inject ring of worker 0, and the exception ports.</summary>
public sealed unsafe class SlowPathHost(Native native, MbufPools pools, DataplanePort[] ports, WorkerContext* worker, DropCounters* drops, SlowPathCounters* counters) : ISlowPathHost
{
    private readonly void* _pool = pools.Of(-1);

    /// <inheritdoc/>
    public ulong NowNs => (ulong)Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public bool TryAllocate(out ulong packet, out byte* frame)
    {
        packet = native.PacketAllocate(_pool);
        frame = packet != 0 ? Mbuf.Frame(packet) : null;
        if (packet == 0)
        {
            (*drops)[(int)DropReason.NoMbuf]++;
        }

        return packet != 0;
    }

    /// <inheritdoc/>
    public void Send(ulong packet, byte* frame, int length, int port, uint group)
    {
        // Answers must not crowd out what the host sends, VRRP among it.
        if (worker->FromHousekeeping.HasRoomBeside(MbufPlan.InjectReserve))
        {
            Inject(packet, frame, length, port, group);
        }
        else
        {
            Drop(packet, DropReason.InjectRingFull);
        }
    }

    /// <summary>The ring has room: only housekeeping puts in.</summary>
    private void Inject(ulong packet, byte* frame, int length, int port, uint group)
    {
        Mbuf.SetFrame(packet, frame, (uint)length);
        worker->FromHousekeeping.TryPush(packet, (uint)port, group);
    }

    /// <inheritdoc/>
    public bool HasHost(int port) => ports[port].Tap >= 0;

    /// <inheritdoc/>
    public void ToHost(ulong packet, byte* frame, int length, int port)
    {
        if (!HasHost(port))
        {
            Drop(packet, DropReason.NoExceptionPort);
        }
        else if (native.TapWrite(ports[port].Tap, frame, (uint)length) < 0)
        {
            Drop(packet, DropReason.ExceptionPortFull);
        }
        else
        {
            counters->ToHost++;
            Release(packet);
        }
    }

    /// <inheritdoc/>
    public void OfferToHost(ulong packet, byte* frame, int length, int port)
    {
        if (!HasHost(port))
        {
            Release(packet);
        }
        else
        {
            ToHost(packet, frame, length, port);
        }
    }

    /// <inheritdoc/>
    public void Drop(ulong packet, DropReason reason)
    {
        (*drops)[(int)reason]++;
        Release(packet);
    }

    /// <inheritdoc/>
    public void Release(ulong packet) => native.PacketFree(packet);

    /// <summary>Takes a frame of the host's from an exception port and sends it.</summary>
    public HostFrame ForwardFromHost(int port, ref ulong spare, uint capacity)
    {
        if (ports[port].Tap < 0)
        {
            return HostFrame.None;
        }

        if (!worker->FromHousekeeping.HasRoomBeside(0) || (spare == 0 && !TryAllocate(out spare, out _)))
        {
            return HostFrame.Waits;
        }

        byte* frame = Mbuf.Frame(spare);
        int length = native.TapRead(ports[port].Tap, frame, capacity);
        if (length <= 0)
        {
            return HostFrame.None;
        }

        counters->FromHost++;
        Inject(spare, frame, length, port, group: 0);
        spare = 0;
        return HostFrame.Forwarded;
    }
}
