using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.TestSupport;

/// <summary>
/// Both halves in one process over a private region: publishes a content through publisher and gate, and runs frames
/// through the worker's stages. Frames lie in native memory with headroom before them.
/// </summary>
public sealed unsafe class EngineRig : IDisposable
{
    private const int FrameBytes = 4096, HeadroomBytes = 128;

    private const int Sources = 4;

    private readonly void* _state, _burst, _flows4, _flows6, _fragments, _frames;
    private void* _ports;
    private readonly SnapshotPublisher _publisher;
    private readonly SnapshotGate _gate;
    private readonly ConnectionSums _sums;

    /// <summary>A rig with ports of these MAC addresses (first byte lowest) and flow tables for so many flows.</summary>
    public EngineRig(int flows = 1024, params ulong[] portMacs)
    {
        Region = Region.CreatePrivate(new RegionLayout(1, 16 << 20));
        _publisher = new SnapshotPublisher(Region);
        _gate = new SnapshotGate(Region);
        _sums = new ConnectionSums(Region);
        _state = NativeMemory.AlignedAlloc((nuint)sizeof(EngineState), 64);
        _burst = NativeMemory.AlignedAlloc((nuint)sizeof(Burst), 64);
        _frames = NativeMemory.AlignedAlloc(FrameBytes * Limits.BurstMax, 64);
        _flows4 = Zeroed(FlowTable4.MeasureBytes(flows));
        _flows6 = Zeroed(FlowTable6.MeasureBytes(flows));
        _fragments = Zeroed(FragmentTable.MeasureBytes);
        new Span<byte>(_state, sizeof(EngineState)).Clear();
        new Span<byte>(_burst, sizeof(Burst)).Clear();
        State->Flows4 = FlowTable4.Create(_flows4, flows);
        State->Flows6 = FlowTable6.Create(_flows6, flows);
        State->Fragments = FragmentTable.Create(_fragments);
        State->NowMs = 1_000_000;
        fixed (ulong* neighbours = Region.Neighbours)
        fixed (ulong* leases = Region.Leases)
        fixed (WorkerBlock* block = &Region.Worker(0))
        fixed (ServerCounters* servers = Region.ServerCounters(0))
        fixed (SourceCounters* sources = Region.SourceCounters(0))
        fixed (ServiceCounters* services = Region.ServiceCounters(0))
        fixed (uint* others = Region.OtherConnections(0))
        {
            EngineState.Initialize(State, neighbours, leases, block, servers, sources, services, others, portMacs.Length == 0 ? [ContentBuilder.Mac("02:00:00:00:00:01")] : portMacs);
        }

        BeWorker(0, 1);
    }

    /// <summary>Makes it one of several workers. Before the first packet.</summary>
    public void BeWorker(int index, int count, uint rssClasses = 0, ulong seed = 0)
    {
        NativeMemory.AlignedFree(_ports);
        (State->WorkerIndex, State->WorkerCount, State->RssClasses) = ((uint)index, (uint)count, rssClasses);
        _ports = Zeroed(LocalPorts.MeasureBytes(Sources, count, State->Flows4, State->Flows6, rssClasses));
        State->Ports = LocalPorts.Create(_ports, Sources, index, count, State->Flows4, State->Flows6, rssClasses, seed);
    }

    /// <summary>The region.</summary>
    public Region Region { get; }

    /// <summary>What the stages work on.</summary>
    public EngineState* State => (EngineState*)_state;

    /// <summary>The burst of the last run.</summary>
    public Burst* Burst => (Burst*)_burst;

    /// <summary>Whether the port marks the frames' IPv4 header checksums as wrong.</summary>
    public bool PortFindsChecksumBad { get; set; }

    /// <summary>The worker's counters.</summary>
    public ref WorkerCounters Counters => ref State->Block->Counters;

    /// <summary>Publishes a content, has it accepted and uses it.</summary>
    public void Publish(SnapshotContent content)
    {
        if (!_publisher.TryPublish(content, out _) || !_gate.TryAccept(out SnapshotView view))
        {
            throw new InvalidOperationException($"Snapshot refused: {(SnapshotFault)Region.Header.RejectedFault}, entry {Region.Header.RejectedIndex}.");
        }

        State->Block->SeenGeneration = view.Generation;
        _sums.SetSnapshot(view);
        EngineState.UseSnapshot(State, view);
    }

    /// <summary>Makes every next hop of a content reachable at 02:ff:00:00:HH:LL of its slot, on port 0.</summary>
    public void ResolveAll(SnapshotContent content)
    {
        for (int slot = 1; slot < content.NextHops.Count; slot++)
        {
            int port = content.Interfaces[content.NextHops[slot].Interface].Port;
            Region.Neighbours[slot] = NeighbourWord.Pack(MacOfNextHop(slot), NeighbourState.Reachable, port);
        }
    }

    /// <summary>MAC address that <see cref="ResolveAll"/> gives a next-hop slot.</summary>
    public static ulong MacOfNextHop(int slot) => 0xFF02UL | ((ulong)(slot >> 8) << 32) | ((ulong)(slot & 0xFF) << 40);

    /// <summary>Runs up to <see cref="Limits.BurstMax"/> frames, all from one port, through the stages.</summary>
    public void Run(int ingress, params ReadOnlySpan<byte[]> frames)
    {
        Burst->Count = frames.Length;
        Burst->Ingress = ingress;
        Burst->Moved = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            byte* at = (byte*)_frames + (i * FrameBytes) + HeadroomBytes;
            frames[i].CopyTo(new Span<byte>(at, frames[i].Length));
            Burst->Frame[i] = (ulong)at;
            Burst->Length[i] = (uint)frames[i].Length;
            Burst->ChecksumBad[i] = PortFindsChecksumBad ? (byte)1 : (byte)0;
        }

        Run();
    }

    /// <summary>Runs the burst as it is, a millisecond after the one before: housekeeping has summed connections up.</summary>
    public void Run()
    {
        _sums.Run();
        Classify.Run(State, Burst);
        Select.Run(State, Burst);
        Rewrite.Run(State, Burst);
    }

    /// <summary>The frame of a packet of the last run.</summary>
    public ReadOnlySpan<byte> Frame(int i) => new((void*)Burst->Frame[i], (int)Burst->Length[i]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (nint memory in (ReadOnlySpan<nint>)[(nint)_state, (nint)_burst, (nint)_flows4, (nint)_flows6, (nint)_fragments, (nint)_frames, (nint)_ports])
        {
            NativeMemory.AlignedFree((void*)memory);
        }

        Region.Dispose();
    }

    private static void* Zeroed(long bytes)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)bytes, 64);
        NativeMemory.Clear(memory, (nuint)bytes);
        return memory;
    }
}
