using System.Runtime.CompilerServices;

namespace Forwarder.Abi;

/// <summary>Where everything lies in a region of given dimensions. All offsets are multiples of a page.</summary>
/// <param name="WorkerCount">Worker blocks, 1 to <see cref="Limits.WorkersMax"/>.</param>
/// <param name="SnapshotSlotBytes">Bytes of one snapshot slot.</param>
public readonly record struct RegionLayout(int WorkerCount, long SnapshotSlotBytes)
{
    private const long PageBytes = 4096;

    /// <summary>Offset of the <see cref="ProcessBlock"/>.</summary>
    public static long ProcessOffset => RegionHeader.SizeBytes;

    /// <summary>Offset of the <see cref="FlowQueryBlock"/>.</summary>
    public static long FlowQueryOffset => ProcessOffset + ProcessBlock.SizeBytes;

    /// <summary>Offset of the first <see cref="PortBlock"/>.</summary>
    public static long PortsOffset => FlowQueryOffset + FlowQueryBlock.SizeBytes;

    /// <summary>Offset of the neighbour words (ulong, by next-hop slot).</summary>
    public static long NeighboursOffset => PortsOffset + ((long)Limits.PortsMax * PortBlock.SizeBytes);

    /// <summary>Offset of the lease words (ulong, by VRRP group).</summary>
    public static long LeasesOffset => NeighboursOffset + (Limits.NextHopsMax * sizeof(ulong));

    /// <summary>Offset of the first <see cref="WorkerBlock"/>.</summary>
    public static long WorkersOffset => LeasesOffset + (Limits.VrrpGroupsMax * sizeof(ulong));

    /// <summary>Offset of the first worker's <see cref="ServerCounters"/>.</summary>
    public long ServerCountersOffset => WorkersOffset + ((long)WorkerCount * WorkerBlock.SizeBytes);

    /// <summary>Offset of the first worker's <see cref="SourceCounters"/>.</summary>
    public long SourceCountersOffset => ServerCountersOffset + ((long)WorkerCount * Limits.ServersMax * ServerCounters.SizeBytes);

    /// <summary>Offset of the first worker's <see cref="ServiceCounters"/>.</summary>
    public long ServiceCountersOffset => SourceCountersOffset + ((long)WorkerCount * Limits.SourcesMax * SourceCounters.SizeBytes);

    /// <summary>Offset of the first worker's <see cref="OtherConnections"/>.</summary>
    public long OtherConnectionsOffset => ServiceCountersOffset + ((long)WorkerCount * Limits.ServicesMax * ServiceCounters.SizeBytes);

    /// <summary>Offset of the first snapshot slot.</summary>
    public long SnapshotsOffset => OtherConnectionsOffset + ((long)WorkerCount * OtherConnections.Words * sizeof(uint));

    /// <summary>Bytes of the whole region.</summary>
    public long TotalBytes => SnapshotsOffset + (Limits.SnapshotSlots * SlotStrideBytes);

    /// <summary>Bytes from one snapshot slot to the next.</summary>
    public long SlotStrideBytes => (SnapshotSlotBytes + PageBytes - 1) / PageBytes * PageBytes;
}
