namespace Forwarder.Api;

/// <summary>Answer of GET /v1/status.</summary>
public sealed record StatusView
{
    /// <summary>Version of control.</summary>
    public required string Version { get; init; }

    /// <summary>Seconds since control started.</summary>
    public double UptimeS { get; init; }

    /// <summary>Newest snapshot.</summary>
    public ulong PublishedGeneration { get; init; }

    /// <summary>Snapshot in force.</summary>
    public ulong AcceptedGeneration { get; init; }

    /// <summary>Why the dataplane refused the newest snapshot, if it did.</summary>
    public string? RejectedReason { get; init; }

    /// <summary>The dataplane process.</summary>
    public required DataplaneView Dataplane { get; init; }

    /// <summary>Virtual services.</summary>
    public int Services { get; init; }

    /// <summary>Real servers.</summary>
    public int Servers { get; init; }

    /// <summary>Workers.</summary>
    public IReadOnlyList<WorkerView> Workers { get; init; } = [];

    /// <summary>Resident memory of control.</summary>
    public long ResidentBytes { get; init; }

    /// <summary>Bytes of the newest snapshot.</summary>
    public long SnapshotBytes { get; init; }
}
