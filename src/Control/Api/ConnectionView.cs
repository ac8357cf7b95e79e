namespace Forwarder.Api;

/// <summary>A flow.</summary>
public sealed record ConnectionView
{
    /// <summary>"tcp", "udp" or "sctp".</summary>
    public required string Protocol { get; init; }

    /// <summary>IPVS's names: SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, TIME_WAIT, CLOSE, UDP.</summary>
    public required string State { get; init; }

    /// <summary>Client's address and port.</summary>
    public required string Client { get; init; }

    /// <summary>VIP and port.</summary>
    public required string Virtual { get; init; }

    /// <summary>Real server's address and port.</summary>
    public required string Server { get; init; }

    /// <summary>Seconds until it expires if it stays idle.</summary>
    public double ExpiresS { get; set; }

    /// <summary>Worker that owns it.</summary>
    public int Worker { get; set; }
}
