namespace Forwarder.Api;

/// <summary>Next hop of a rule of SNAT.</summary>
public sealed record SnatGatewayView
{
    /// <summary>Address.</summary>
    public required string Address { get; init; }

    /// <summary>Interface that it is reached by.</summary>
    public required string Interface { get; init; }

    /// <summary>State of the neighbour.</summary>
    public required string Neighbour { get; init; }

    /// <summary>Its MAC address, if known.</summary>
    public string? Mac { get; set; }
}
