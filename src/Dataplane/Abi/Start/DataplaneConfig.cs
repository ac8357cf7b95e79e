namespace Forwarder.Abi;

/// <summary>
/// What the dataplane process needs to start: written by control as JSON, named by --config. Everything that can change
/// while it runs is in the snapshot instead.
/// </summary>
public sealed record DataplaneConfig
{
    /// <summary>Path of the region's file.</summary>
    public required string RegionPath { get; init; }

    /// <summary>DPDK's --file-prefix: tells this director's hugepages and sockets from another's.</summary>
    public required string FilePrefix { get; init; }

    /// <summary>Ports, in the order of their indexes.</summary>
    public required IReadOnlyList<PortConfig> Ports { get; init; }

    /// <summary>CPUs of the workers, one worker each.</summary>
    public required IReadOnlyList<int> WorkerCpus { get; init; }

    /// <summary>CPU of the housekeeping thread and of the runtime's own threads.</summary>
    public required int HousekeepingCpu { get; init; }

    /// <summary>Hugepages: "auto" uses them where they are reserved, "required" refuses to start without, "never" does without.</summary>
    public string Hugepages { get; set; } = "auto";

    /// <summary>Memory of DPDK in MiB.</summary>
    public required int MemoryMiB { get; init; }

    /// <summary>mbufs of the pool of each NUMA node in use.</summary>
    public required int Mbufs { get; init; }

    /// <summary>Flows per worker and address family that the flow tables are made for.</summary>
    public required int FlowsPerWorker { get; init; }

    /// <summary>Source addresses of FullNAT that the workers have room for.</summary>
    public int SourceAddresses { get; set; } = Limits.SourcesDefault;

    /// <summary>What a worker does that finds no packet: "spin", "backoff" (sleeps up to 50 µs), or "auto": backoff if a port is virtual.</summary>
    public string Idle { get; set; } = "auto";

    /// <summary>Further arguments for DPDK's EAL.</summary>
    public IReadOnlyList<string> EalArguments { get; set; } = [];
}
