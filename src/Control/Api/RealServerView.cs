namespace Forwarder.Api;

/// <summary>A real server with its counters.</summary>
public sealed record RealServerView
{
    /// <summary>Id in paths: "172.16.58.7:80".</summary>
    public required string Id { get; init; }

    /// <summary>RIP.</summary>
    public required string Address { get; init; }

    /// <summary>Port.</summary>
    public int Port { get; set; }

    /// <summary>Weight.</summary>
    public int Weight { get; set; }

    /// <summary>Connections at which it gets no new ones, and below which it gets them again, as they were set; 0 = not set.</summary>
    public int UpperThreshold { get; set; }

    /// <inheritdoc cref="UpperThreshold"/>
    public int LowerThreshold { get; set; }

    /// <summary>Whether it has reached the upper threshold, and not yet fallen below the lower one.</summary>
    public bool Overloaded { get; set; }

    /// <summary>Forwarding method: "dr", "tunnel", "nat" or "fullnat".</summary>
    public required string Method { get; init; }

    /// <summary>Kind of tunnel, if it is another than IPIP.</summary>
    public TunnelSettings? Tunnel { get; set; }

    /// <summary>IPVS's ActiveConn: TCP flows in SYN_RECV and ESTABLISHED.</summary>
    public long ActiveConnections { get; set; }

    /// <summary>IPVS's InActConn: other flows in the table, all of UDP among them.</summary>
    public long InactiveConnections { get; set; }

    /// <summary>State of its MAC address: none, incomplete, reachable, stale, failed.</summary>
    public required string Neighbour { get; init; }

    /// <summary>MAC address, if known.</summary>
    public string? Mac { get; set; }

    /// <summary>Counters.</summary>
    public TrafficView Traffic { get; set; } = new();
}
