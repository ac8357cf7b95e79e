namespace Forwarder.Api;

/// <summary>Body of PATCH /v1/services/{id}: what is null stays.</summary>
public sealed record ServiceChange
{
    /// <summary>"wlc" or "mh".</summary>
    public string? Scheduler { get; set; }

    /// <summary>A prime from 251 to 655,373.</summary>
    public int? MaglevTableSize { get; set; }

    /// <summary>Connections at which it takes no new ones; 0 = no limit.</summary>
    public int? ConnectionsMax { get; set; }

    /// <summary>Name of a pool of source addresses.</summary>
    public string? SourcePool { get; set; }

    /// <summary>"none", "proxyV2" or "toa".</summary>
    public string? ClientAddress { get; set; }

    /// <summary>Time-outs of its flows.</summary>
    public ServiceTimeouts? Timeouts { get; set; }

    /// <summary>How its flows begin and end.</summary>
    public FlowSettings? Flows { get; set; }
}
