namespace Forwarder.Api;

/// <summary>A rule of SNAT with its counters.</summary>
public sealed record SnatRuleView
{
    /// <summary>Name.</summary>
    public required string Name { get; init; }

    /// <summary>Where the inside hosts are.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    /// <summary>Where they may go; null = see <see cref="SnatRule.Destinations"/>.</summary>
    public IReadOnlyList<string>? Destinations { get; set; }

    /// <summary>Pool of their source addresses.</summary>
    public required string SourcePool { get; init; }

    /// <summary>Interface that the packets must come from; null = any.</summary>
    public string? Interface { get; set; }

    /// <summary>Next hops on the way out.</summary>
    public IReadOnlyList<SnatGatewayView> Gateways { get; set; } = [];

    /// <summary>Time-outs of its flows, where they differ from the director's.</summary>
    public ServiceTimeouts? Timeouts { get; set; }

    /// <summary>Flows in the tables: TCP in SYN_RECV and ESTABLISHED, SCTP in ESTABLISHED.</summary>
    public long ActiveConnections { get; set; }

    /// <summary>All other flows.</summary>
    public long InactiveConnections { get; set; }

    /// <summary>Flows, and packets outwards.</summary>
    public required TrafficView Traffic { get; init; }
}
