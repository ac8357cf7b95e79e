namespace Forwarder.Api;

/// <summary>Answer of GET /v1/status.</summary>
public sealed record StatusView
{
    /// <summary>Version of control.</summary>
    public required string Version { get; init; }

    /// <summary>Seconds since control started.</summary>
    public double UptimeS { get; set; }

    /// <summary>Newest snapshot.</summary>
    public ulong PublishedGeneration { get; set; }

    /// <summary>Snapshot in force.</summary>
    public ulong AcceptedGeneration { get; set; }

    /// <summary>Why the dataplane refused the newest snapshot, if it did.</summary>
    public string? RejectedReason { get; set; }

    /// <summary>The dataplane process.</summary>
    public required DataplaneView Dataplane { get; init; }

    /// <summary>Virtual services.</summary>
    public int Services { get; set; }

    /// <summary>Real servers.</summary>
    public int Servers { get; set; }

    /// <summary>Workers.</summary>
    public IReadOnlyList<WorkerView> Workers { get; set; } = [];

    /// <summary>Resident memory of control.</summary>
    public long ResidentBytes { get; set; }

    /// <summary>Bytes of the newest snapshot.</summary>
    public long SnapshotBytes { get; set; }
}
