namespace Forwarder.Api;

/// <summary>A DPDK port.</summary>
public sealed record PortView
{
    /// <summary>Index.</summary>
    public int Index { get; set; }

    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>DPDK device.</summary>
    public required string Device { get; init; }

    /// <summary>Driver.</summary>
    public required string Driver { get; init; }

    /// <summary>MAC address.</summary>
    public required string Mac { get; init; }

    /// <summary>Exception port (TAP) in the host's kernel.</summary>
    public string? Exception { get; set; }

    /// <summary>Link.</summary>
    public bool LinkUp { get; set; }

    /// <summary>Speed in Mbit/s.</summary>
    public int SpeedMbps { get; set; }

    /// <summary>MTU.</summary>
    public int MtuBytes { get; set; }

    /// <summary>Takes all frames.</summary>
    public bool Promiscuous { get; set; }

    /// <summary>Rx queues.</summary>
    public int RxQueues { get; set; }

    /// <summary>Tx queues.</summary>
    public int TxQueues { get; set; }

    /// <summary>Classes of packets that the port spreads over its queues by the director's own key; 0 = it has one queue, or spreads them in its own way.</summary>
    public int RssClasses { get; set; }

    /// <summary>NUMA node, -1 = any.</summary>
    public int NumaNode { get; set; }

    /// <summary>Rx offloads in use.</summary>
    public IReadOnlyList<string> RxOffloads { get; set; } = [];

    /// <summary>Tx offloads in use.</summary>
    public IReadOnlyList<string> TxOffloads { get; set; } = [];

    /// <summary>Receive filters in force beside the one for the port's own MAC address.</summary>
    public PortFiltersView Filters { get; set; } = new();

    /// <summary>DPDK's basic statistics.</summary>
    public IReadOnlyDictionary<string, ulong> Statistics { get; set; } = new Dictionary<string, ulong>();

    /// <summary>DPDK's extended statistics.</summary>
    public IReadOnlyDictionary<string, ulong> ExtendedStatistics { get; set; } = new Dictionary<string, ulong>();
}
