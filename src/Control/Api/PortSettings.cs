namespace Forwarder.Api;

/// <summary>A DPDK port.</summary>
public sealed record PortSettings
{
    /// <summary>Name: letters, digits, '.', '-' and '_', at most 15.</summary>
    public required string Name { get; init; }

    /// <summary>PCI address (0000:01:00.0) or DPDK virtual device (net_af_packet0,iface=eth1).</summary>
    public required string Device { get; init; }

    /// <summary>MTU in bytes, 576 to 9,600.</summary>
    public int MtuBytes { get; set; } = 1500;

    /// <summary>Takes all frames instead of using MAC filters.</summary>
    public bool Promiscuous { get; set; }

    /// <summary>Descriptors of each Rx queue, 64 to 32,768.</summary>
    public int RxDescriptors { get; set; } = 1024;

    /// <summary>Descriptors of each Tx queue, 64 to 32,768.</summary>
    public int TxDescriptors { get; set; } = 1024;

    /// <summary>Name of the exception port (TAP) towards the host's kernel, or null for none.</summary>
    public string? Exception { get; set; }
}
