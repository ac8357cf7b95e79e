namespace Forwarder.Api;

/// <summary>A real server of a virtual service. Its id in paths is "172.16.58.7:80" or "[fd20::101]:80".</summary>
public sealed record RealServer
{
    /// <summary>RIP, of the same family as the VIP; behind a tunnel it may be of the other one.</summary>
    public required string Address { get; init; }

    /// <summary>Port; null or 0 = that of the service. Only NAT and FullNAT translate it: with other methods another value is refused.</summary>
    public int? Port { get; set; }

    /// <summary>Weight 0 to 65,535; 0 = no new flows.</summary>
    public int Weight { get; set; } = 1;

    /// <summary>Connections at which it gets no new ones; null or 0 = no limit. ipvsadm's --u-threshold.</summary>
    public int? UpperThreshold { get; set; }

    /// <summary>It gets new ones again with fewer than these; null or 0 = three quarters of <see cref="UpperThreshold"/>. ipvsadm's --l-threshold.</summary>
    public int? LowerThreshold { get; set; }

    /// <summary>Forwarding method: "dr" (direct routing), "tunnel", "nat" (masquerading) or "fullnat".</summary>
    public string Method { get; set; } = "dr";

    /// <summary>Kind of tunnel, for the method "tunnel" alone; null = IPIP.</summary>
    public TunnelSettings? Tunnel { get; set; }
}
