namespace Forwarder.Api;

/// <summary>Ports, workers and memory of the dataplane process.</summary>
public sealed record DataplaneSettings
{
    /// <summary>DPDK ports.</summary>
    public IReadOnlyList<PortSettings> Ports { get; init; } = [];

    /// <summary>CPUs of the workers, one worker each; empty = one worker on the last CPU that the process may use.</summary>
    public IReadOnlyList<int> WorkerCpus { get; init; } = [];

    /// <summary>CPU of housekeeping; null = the first CPU that no worker has (or CPU 0).</summary>
    public int? HousekeepingCpu { get; init; }

    /// <summary>"auto", "required" or "never".</summary>
    public string Hugepages { get; init; } = "auto";

    /// <summary>DPDK's memory in MiB; null = computed from mbufs and flows.</summary>
    public int? MemoryMiB { get; init; }

    /// <summary>mbufs per NUMA node; null = computed from ports, queues and descriptors.</summary>
    public int? Mbufs { get; init; }

    /// <summary>Flows per worker and address family, 1,024 to 33,554,432.</summary>
    public int FlowsPerWorker { get; init; } = 262_144;

    /// <summary>"auto", "spin" or "backoff".</summary>
    public string Idle { get; init; } = "auto";

    /// <summary>Bytes of one snapshot slot of the region, or null for the default.</summary>
    public long? SnapshotSlotBytes { get; init; }

    /// <summary>Further arguments for DPDK's EAL.</summary>
    public IReadOnlyList<string> EalArguments { get; init; } = [];
}
