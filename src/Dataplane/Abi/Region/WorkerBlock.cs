using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>What one worker tells the world. Written by that worker only, read by control and housekeeping.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct WorkerBlock
{
    /// <summary>Size in bytes: a page, so that workers never share a cache line.</summary>
    public const int SizeBytes = 4096;

    /// <summary>Generation of the snapshot that the worker used in its last turn. Release-stored once per change.</summary>
    [FieldOffset(0)] public ulong SeenGeneration;
    /// <summary>Turns of the loop, published now and then: a worker whose value stands still is dead or hung.</summary>
    [FieldOffset(8)] public ulong Heartbeat;
    /// <summary>CPU that the worker runs on.</summary>
    [FieldOffset(16)] public uint Cpu;
    /// <summary>1 while the worker's loop runs.</summary>
    [FieldOffset(20)] public uint Running;
    /// <summary>Bytes that the worker's thread has allocated on the managed heap since the seal. Must stay 0.</summary>
    [FieldOffset(24)] public ulong AllocatedBytesSinceSeal;
    /// <summary>Entries of the flow table in use and its capacity, per family.</summary>
    [FieldOffset(32)] public ulong Flows4;
    [FieldOffset(40)] public ulong Flows4Capacity;
    [FieldOffset(48)] public ulong Flows6;
    [FieldOffset(56)] public ulong Flows6Capacity;

    /// <summary>Packets and bytes, and what became of them: Rx = Forwarded + Punted + Queued + sum of Drops.</summary>
    [FieldOffset(64)] public WorkerCounters Counters;
    /// <summary>Packets lost, by reason.</summary>
    [FieldOffset(512)] public DropCounters Drops;

    /// <summary>The last <see cref="FlowQueryBlock.RemovalSequence"/> that the worker is done with; release-stored after <see cref="WorkerCounters.FlowsRemoved"/>.</summary>
    [FieldOffset(4032)] public ulong RemovalsDone;
}
