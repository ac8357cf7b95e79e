namespace Forwarder.Api;

/// <summary>Body of PATCH /v1/services/{id}/servers/{id}: what is null stays.</summary>
public sealed record RealServerChange
{
    /// <summary>Weight 0 to 65,535.</summary>
    public int? Weight { get; set; }

    /// <summary>Connections at which it gets no new ones; 0 = no limit.</summary>
    public int? UpperThreshold { get; set; }

    /// <summary>It gets new ones again with fewer than these; 0 = three quarters of the upper threshold.</summary>
    public int? LowerThreshold { get; set; }

    /// <summary>Forwarding method.</summary>
    public string? Method { get; set; }

    /// <summary>Kind of tunnel; null stays, and goes where the method becomes another than "tunnel".</summary>
    public TunnelSettings? Tunnel { get; set; }
}
