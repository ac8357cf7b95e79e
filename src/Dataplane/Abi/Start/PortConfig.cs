namespace Forwarder.Abi;

/// <summary>A DPDK port.</summary>
public sealed record PortConfig
{
    /// <summary>Name that interfaces refer to.</summary>
    public required string Name { get; init; }

    /// <summary>PCI address (0000:01:00.0) or DPDK virtual device with its arguments (net_af_packet0,iface=eth1).</summary>
    public required string Device { get; init; }

    /// <summary>MTU in bytes.</summary>
    public int MtuBytes { get; set; } = 1500;

    /// <summary>Whether the port takes all frames; otherwise MAC filters are programmed.</summary>
    public bool Promiscuous { get; set; }

    /// <summary>Descriptors of each Rx and Tx queue.</summary>
    public int RxDescriptors { get; set; } = 1024;

    /// <summary>Descriptors of each Tx queue.</summary>
    public int TxDescriptors { get; set; } = 1024;

    /// <summary>Name of the exception port (TAP) in the host's kernel, or null for none.</summary>
    public string? Exception { get; set; }
}
