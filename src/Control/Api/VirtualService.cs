namespace Forwarder.Api;

/// <summary>A virtual service. Its id in paths is "tcp:172.16.58.1:80" or "tcp:[fd20::100]:80".</summary>
public sealed record VirtualService
{
    /// <summary>"tcp", "udp" or "sctp".</summary>
    public required string Protocol { get; init; }

    /// <summary>VIP, IPv4 or IPv6.</summary>
    public required string Address { get; init; }

    /// <summary>Port, 1 to 65,535.</summary>
    public required int Port { get; init; }

    /// <summary>"wlc" (default, as ipvsadm) or "mh" (Maglev; "maglev" is accepted and kept as "mh").</summary>
    public string Scheduler { get; set; } = "wlc";

    /// <summary>Entries of the Maglev table, a prime from 251 to 655,373; null = 65,537.</summary>
    public int? MaglevTableSize { get; set; }

    /// <summary>Connections at which it takes no new ones; null or 0 = no limit.</summary>
    public int? ConnectionsMax { get; set; }

    /// <summary>Pool that its FullNAT servers see clients by; null = the only one that there is.</summary>
    public string? SourcePool { get; set; }

    /// <summary>How its servers learn the addresses of clients, if all of them have the method fullnat: "none" (default), "proxyV2" (PROXY protocol, version 2; TCP and UDP) or "toa" (TCP option 254; TCP).</summary>
    public string? ClientAddress { get; set; }

    /// <summary>How its flows begin and end, where it differs from the director's <see cref="DesiredState.Flows"/>.</summary>
    public FlowSettings? Flows { get; set; }

    /// <summary>Time-outs of its flows, where they differ from the director's <see cref="DesiredState.Timeouts"/>.</summary>
    public ServiceTimeouts? Timeouts { get; set; }

    /// <summary>Real servers.</summary>
    public IReadOnlyList<RealServer> Servers { get; set; } = [];
}
