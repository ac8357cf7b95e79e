namespace Forwarder.Api;

/// <summary>A rule of SNAT: inside hosts whose connections outwards get a source address of the director.</summary>
public sealed record SnatRule
{
    /// <summary>Name, unique.</summary>
    public required string Name { get; init; }

    /// <summary>Where the inside hosts are: prefixes ("10.0.0.0/24", "fd17::/64") or single addresses, of one or both families.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>Where they may go; null = everywhere but to networks that the director is connected to by another interface than the gateway's.</summary>
    public IReadOnlyList<string>? Destinations { get; set; }

    /// <summary>Pool of the source addresses that they get; null = the only one that there is.</summary>
    public string? SourcePool { get; set; }

    /// <summary>Next hop on the way out: one for each family that the sources have.</summary>
    public required IReadOnlyList<string> Gateways { get; init; }

    /// <summary>Interface that the packets must come from; null = any.</summary>
    public string? Interface { get; set; }

    /// <summary>Time-outs of its flows, where they differ from the director's <see cref="DesiredState.Timeouts"/>.</summary>
    public ServiceTimeouts? Timeouts { get; set; }
}
