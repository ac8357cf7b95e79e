using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.TestSupport;

/// <summary>A slow path with its doors open to the test, and a clock that the test turns.</summary>
public sealed unsafe class SlowPathRig : ISlowPathHost, IDisposable
{
    public const string MacText = "02:00:00:00:00:01";
    private const int FrameBytes = 2048;

    private readonly SlowPathCounters* _counters;
    private readonly SnapshotPublisher _publisher;
    private readonly SnapshotGate _gate;
    private readonly Forwarder.Engine.SlowPath _slowPath;
    private readonly HashSet<ulong> _packets = [];

    public SlowPathRig(SnapshotContent content)
    {
        Region = Region.CreatePrivate(new RegionLayout(1, 16 << 20));
        _publisher = new SnapshotPublisher(Region);
        _gate = new SnapshotGate(Region);
        _counters = (SlowPathCounters*)NativeMemory.AllocZeroed((nuint)sizeof(SlowPathCounters));
        fixed (ulong* words = Region.Neighbours)
        fixed (ulong* leases = Region.Leases)
        {
            _slowPath = new Forwarder.Engine.SlowPath(this, words, leases, _counters, [ContentBuilder.Mac(MacText), ContentBuilder.Mac(MacText) + (1UL << 40)]);
        }

        Publish(content);
    }

    public Region Region { get; }

    public long NowMs { get; private set; } = 1_000_000;

    public bool HasHost { get; set; } = true;

    ulong ISlowPathHost.NowNs => (ulong)NowMs * 1_000_000;

    /// <summary>What lies in a packet's memory behind the frame.</summary>
    public byte Behind { get; init; }

    bool ISlowPathHost.HasHost(int port) => HasHost;

    public List<(int Port, byte[] Frame)> Sent { get; } = [];

    /// <summary>VRRP group on which the last sent frame relied.</summary>
    public uint LastGroup { get; private set; }

    public List<byte[]> ToTheHost { get; } = [];

    public List<DropReason> Drops { get; } = [];

    /// <summary>Packets that are neither sent, dropped nor given back.</summary>
    public int Held => _packets.Count;

    public ref SlowPathCounters Counters => ref *_counters;

    public NeighbourState StateOf(int slot) => NeighbourWord.State(Region.Neighbours[slot]);

    public void Publish(SnapshotContent content)
    {
        if (!_publisher.TryPublish(content, out _) || !_gate.TryAccept(out SnapshotView view))
        {
            throw new InvalidOperationException($"Snapshot refused: {(SnapshotFault)Region.Header.RejectedFault}, entry {Region.Header.RejectedIndex}.");
        }

        Region.Worker(0).SeenGeneration = view.Generation;
        _slowPath.SetSnapshot(view, NowMs);
    }

    /// <summary>Takes a snapshot that lies elsewhere; it must stay there until the next one.</summary>
    public void Use(in SnapshotView view) => _slowPath.SetSnapshot(view, NowMs);

    /// <summary>A frame punted by a worker.</summary>
    public void Punt(byte[] frame, int port = 0)
    {
        ulong packet = Allocate(frame);
        _slowPath.HandleFrame(packet, (byte*)packet, frame.Length, port, NowMs);
    }

    /// <summary>A packet that a worker would not pass on.</summary>
    public void Refuse(byte[] frame, DropReason reason, int mtuBytes, int port = 0)
    {
        ulong packet = Allocate(frame);
        _slowPath.HandleRefused(packet, (byte*)packet, frame.Length, port, reason, mtuBytes, NowMs);
    }

    /// <summary>A packet that waits for a next hop.</summary>
    public void Wait(byte[] frame, uint nextHop, uint group = 0)
    {
        ulong packet = Allocate(frame);
        _slowPath.HandleWaiting(packet, (byte*)packet, frame.Length, nextHop, group, NowMs);
    }

    /// <summary>Lets time pass, ticking each 5 ms.</summary>
    public void Pass(int ms)
    {
        for (long end = NowMs + ms; NowMs < end;)
        {
            NowMs += 5;
            _slowPath.Tick(NowMs);
        }
    }

    bool ISlowPathHost.TryAllocate(out ulong packet, out byte* frame)
    {
        packet = Allocate([]);
        frame = (byte*)packet;
        return true;
    }

    void ISlowPathHost.Send(ulong packet, byte* frame, int length, int port, uint group)
    {
        LastGroup = group;
        Sent.Add((port, new Span<byte>(frame, length).ToArray()));
        Free(packet);
    }

    void ISlowPathHost.ToHost(ulong packet, byte* frame, int length, int port)
    {
        if (!HasHost)
        {
            ((ISlowPathHost)this).Drop(packet, DropReason.NoExceptionPort);
            return;
        }

        ToTheHost.Add(new Span<byte>(frame, length).ToArray());
        Free(packet);
    }

    void ISlowPathHost.OfferToHost(ulong packet, byte* frame, int length, int port)
    {
        if (HasHost)
        {
            ToTheHost.Add(new Span<byte>(frame, length).ToArray());
        }

        Free(packet);
    }

    void ISlowPathHost.Drop(ulong packet, DropReason reason)
    {
        Drops.Add(reason);
        Free(packet);
    }

    void ISlowPathHost.Release(ulong packet) => Free(packet);

    public void Dispose()
    {
        foreach (ulong packet in _packets)
        {
            NativeMemory.Free((void*)packet);
        }

        NativeMemory.Free(_counters);
        Region.Dispose();
    }

    private ulong Allocate(byte[] frame)
    {
        ulong packet = (ulong)NativeMemory.Alloc(FrameBytes);
        new Span<byte>((void*)packet, FrameBytes).Fill(Behind);
        frame.CopyTo(new Span<byte>((void*)packet, FrameBytes));
        _packets.Add(packet);
        return packet;
    }

    private void Free(ulong packet)
    {
        if (!_packets.Remove(packet))
        {
            throw new InvalidOperationException("A packet is given away twice.");
        }

        NativeMemory.Free((void*)packet);
    }
}
