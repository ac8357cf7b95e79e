namespace Forwarder.Api;

/// <summary>A DPDK port.</summary>
public sealed record PortView
{
    /// <summary>Index.</summary>
    public int Index { get; init; }

    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>DPDK device.</summary>
    public required string Device { get; init; }

    /// <summary>Driver.</summary>
    public required string Driver { get; init; }

    /// <summary>MAC address.</summary>
    public required string Mac { get; init; }

    /// <summary>Exception port (TAP) in the host's kernel.</summary>
    public string? Exception { get; init; }

    /// <summary>Link.</summary>
    public bool LinkUp { get; init; }

    /// <summary>Speed in Mbit/s.</summary>
    public int SpeedMbps { get; init; }

    /// <summary>MTU.</summary>
    public int MtuBytes { get; init; }

    /// <summary>Takes all frames.</summary>
    public bool Promiscuous { get; init; }

    /// <summary>Rx queues.</summary>
    public int RxQueues { get; init; }

    /// <summary>Tx queues.</summary>
    public int TxQueues { get; init; }

    /// <summary>NUMA node, -1 = any.</summary>
    public int NumaNode { get; init; }

    /// <summary>Rx offloads in use.</summary>
    public IReadOnlyList<string> RxOffloads { get; init; } = [];

    /// <summary>Tx offloads in use.</summary>
    public IReadOnlyList<string> TxOffloads { get; init; } = [];

    /// <summary>DPDK's basic statistics.</summary>
    public IReadOnlyDictionary<string, ulong> Statistics { get; init; } = new Dictionary<string, ulong>();

    /// <summary>DPDK's extended statistics.</summary>
    public IReadOnlyDictionary<string, ulong> ExtendedStatistics { get; init; } = new Dictionary<string, ulong>();
}
