namespace Forwarder.Api;

/// <summary>A virtual service with its counters.</summary>
public sealed record ServiceView
{
    /// <summary>Id in paths: "tcp:172.16.58.1:80".</summary>
    public required string Id { get; init; }

    /// <summary>"tcp", "udp" or "sctp".</summary>
    public required string Protocol { get; init; }

    /// <summary>VIP.</summary>
    public required string Address { get; init; }

    /// <summary>Port.</summary>
    public int Port { get; set; }

    /// <summary>"wlc" or "mh".</summary>
    public required string Scheduler { get; init; }

    /// <summary>Entries of its Maglev table.</summary>
    public int MaglevTableSize { get; set; }

    /// <summary>Connections at which it takes no new ones; 0 = no limit.</summary>
    public int ConnectionsMax { get; set; }

    /// <summary>Connections in the flow tables.</summary>
    public long OpenConnections { get; set; }

    /// <summary>Packets that would have opened a connection, but <see cref="ConnectionsMax"/> or the thresholds of all its servers were reached.</summary>
    public ulong Refused { get; set; }

    /// <summary>Pool of its FullNAT servers, if one is named.</summary>
    public string? SourcePool { get; set; }

    /// <summary>How its servers learn the addresses of clients: "none", "proxyV2" or "toa".</summary>
    public string ClientAddress { get; set; } = "none";

    /// <summary>How its flows begin and end, where it differs from the director's settings.</summary>
    public FlowSettings? Flows { get; set; }

    /// <summary>Time-outs of its flows, where they differ from the director's <see cref="DesiredState.Timeouts"/>.</summary>
    public ServiceTimeouts? Timeouts { get; set; }

    /// <summary>Counters, real servers that were removed included.</summary>
    public TrafficView Traffic { get; set; } = new();

    /// <summary>Real servers.</summary>
    public IReadOnlyList<RealServerView> Servers { get; set; } = [];
}
