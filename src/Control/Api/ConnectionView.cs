namespace Forwarder.Api;

/// <summary>A flow.</summary>
public sealed record ConnectionView
{
    /// <summary>"tcp", "udp" or "sctp"; of SNAT also "icmp" and "icmpv6" (echo).</summary>
    public required string Protocol { get; init; }

    /// <summary>IPVS's names: SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, TIME_WAIT, CLOSE, UDP; SCTP's; ECHO.</summary>
    public required string State { get; init; }

    /// <summary>Client's address and port.</summary>
    public required string Client { get; init; }

    /// <summary>VIP and port; of SNAT source address and local port of the director.</summary>
    public required string Virtual { get; init; }

    /// <summary>Real server's address and port; of SNAT the destination's.</summary>
    public required string Server { get; init; }

    /// <summary>SNAT: name of the rule.</summary>
    public string? SnatRule { get; set; }

    /// <summary>Seconds until it expires if it stays idle.</summary>
    public double ExpiresS { get; set; }

    /// <summary>Worker that owns it.</summary>
    public int Worker { get; set; }
}
