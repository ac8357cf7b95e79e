namespace Forwarder.Api;

/// <summary>Ports, workers and memory of the dataplane process.</summary>
public sealed record DataplaneSettings
{
    /// <summary>DPDK ports.</summary>
    public IReadOnlyList<PortSettings> Ports { get; set; } = [];

    /// <summary>CPUs of the workers, one worker each; empty = one worker on the last CPU that the process may use.</summary>
    public IReadOnlyList<int> WorkerCpus { get; set; } = [];

    /// <summary>CPU of housekeeping; null = the first CPU that no worker has (or CPU 0).</summary>
    public int? HousekeepingCpu { get; set; }

    /// <summary>"auto", "required" or "never".</summary>
    public string Hugepages { get; set; } = "auto";

    /// <summary>DPDK's memory in MiB; null = computed from mbufs and flows.</summary>
    public int? MemoryMiB { get; set; }

    /// <summary>mbufs per NUMA node; null = computed from ports, queues and descriptors.</summary>
    public int? Mbufs { get; set; }

    /// <summary>Flows per worker and address family, 1,024 to 33,554,432.</summary>
    public int FlowsPerWorker { get; set; } = 262_144;

    /// <summary>Source addresses of FullNAT and SNAT that workers have room for, 0 to 1,023; each takes 2.9 MB over all workers, where ports take RSS settings up to 3.4.</summary>
    public int SourceAddresses { get; set; } = 8;

    /// <summary>"auto", "spin" or "backoff".</summary>
    public string Idle { get; set; } = "auto";

    /// <summary>Bytes of one snapshot slot of the region, or null for the default.</summary>
    public long? SnapshotSlotBytes { get; set; }

    /// <summary>Further arguments for DPDK's EAL.</summary>
    public IReadOnlyList<string> EalArguments { get; set; } = [];
}
