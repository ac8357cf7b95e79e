namespace Forwarder.Api;

/// <summary>The whole desired state of a director: body of GET and PUT /v1/config, and the file that survives a restart.</summary>
public sealed record DesiredState
{
    /// <summary>Ports, workers and memory. A change here restarts the dataplane.</summary>
    public DataplaneSettings Dataplane { get; set; } = new();

    /// <summary>Layer-3 interfaces and the director's own addresses.</summary>
    public IReadOnlyList<InterfaceSettings> Interfaces { get; set; } = [];

    /// <summary>Time-outs of idle flows.</summary>
    public TimeoutSettings Timeouts { get; set; } = new();

    /// <summary>How flows begin and end, where a virtual service does not say otherwise.</summary>
    public FlowSettings Flows { get; set; } = new();

    /// <summary>Virtual services.</summary>
    public IReadOnlyList<VirtualService> Services { get; set; } = [];

    /// <summary>Source addresses of FullNAT and SNAT.</summary>
    public IReadOnlyList<SourcePoolSettings> SourcePools { get; set; } = [];

    /// <summary>Rules of SNAT, for connections outwards of inside hosts; the first one that takes a packet counts.</summary>
    public IReadOnlyList<SnatRule> SnatRules { get; set; } = [];

    /// <summary>VRRP groups: VIPs that are shared with other directors.</summary>
    public IReadOnlyList<VrrpGroupSettings> Vrrp { get; set; } = [];

    /// <summary>Sync groups: VRRP groups that move together.</summary>
    public IReadOnlyList<VrrpSyncGroupSettings> VrrpSyncGroups { get; set; } = [];

    /// <summary>Links, neighbours, quorums, routes, programs and workers that VRRP groups watch.</summary>
    public IReadOnlyList<VrrpTrackSettings> VrrpTracks { get; set; } = [];
}
