namespace Forwarder.Api;

/// <summary>A next hop and its MAC address.</summary>
public sealed record NeighbourView
{
    /// <summary>IP address.</summary>
    public required string Address { get; init; }

    /// <summary>Interface.</summary>
    public required string Interface { get; init; }

    /// <summary>none, incomplete, reachable, stale, failed.</summary>
    public required string State { get; init; }

    /// <summary>MAC address, if known.</summary>
    public string? Mac { get; set; }

    /// <summary>Real servers (service id and server id) that are reached by it.</summary>
    public IReadOnlyList<string> UsedBy { get; set; } = [];
}
