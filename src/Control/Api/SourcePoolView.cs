namespace Forwarder.Api;

/// <summary>A pool of source addresses with what is in use.</summary>
public sealed record SourcePoolView
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>Its addresses.</summary>
    public IReadOnlyList<SourceAddressView> Addresses { get; set; } = [];

    /// <summary>Flows that found no free port on any address of the pool, since the workers started.</summary>
    public ulong Exhausted { get; set; }
}

/// <summary>A source address of FullNAT and SNAT.</summary>
public sealed record SourceAddressView
{
    /// <summary>Address.</summary>
    public required string Address { get; init; }

    /// <summary>Local ports in use, and ports that there are, TCP's and UDP's together.</summary>
    public ulong PortsInUse { get; set; }

    /// <summary>Local ports, TCP's and UDP's together.</summary>
    public int Ports { get; set; }
}
