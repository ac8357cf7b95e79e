namespace Forwarder.Abi;

/// <summary>What goes into a snapshot, before it is laid out by <see cref="SnapshotWriter"/>. Slot-indexed lists start with the unused slot 0.</summary>
public sealed class SnapshotContent
{
    /// <summary>Sets of time-outs, by the number that services and servers have of them.</summary>
    public List<FlowTimeouts> Timeouts { get; } = [FlowTimeouts.Default];

    /// <summary>One more than the highest VRRP group in use, 0 = none.</summary>
    public uint VrrpGroupsEnd { get; set; }

    /// <summary>Interfaces by id.</summary>
    public List<InterfaceEntry> Interfaces { get; } = [];

    /// <summary>See <see cref="SnapshotHeader.RejectsNoService"/>.</summary>
    public bool RejectsNoService { get; set; }

    /// <summary>Local IPv4 addresses, in any order, each once.</summary>
    public List<LocalAddress4Entry> LocalAddresses4 { get; } = [];

    /// <summary>Local IPv6 addresses, in any order, each once.</summary>
    public List<LocalAddress6Entry> LocalAddresses6 { get; } = [];

    /// <summary>Keys of the IPv4 services, in any order, each once.</summary>
    public List<ServiceKey4Entry> ServiceKeys4 { get; } = [];

    /// <summary>Keys of the IPv6 services, in any order, each once.</summary>
    public List<ServiceKey6Entry> ServiceKeys6 { get; } = [];

    /// <summary>Services by slot. MaglevFirst and MaglevSize are filled in by the writer from <see cref="MaglevTables"/>.</summary>
    public List<ServiceEntry> Services { get; } = [default];

    /// <summary>Server slots of the services' members.</summary>
    public List<uint> Members { get; } = [];

    /// <summary>Servers by slot.</summary>
    public List<ServerEntry> Servers { get; } = [default];

    /// <summary>Next hops by slot.</summary>
    public List<NextHopEntry> NextHops { get; } = [default];

    /// <summary>Targets of servers behind a tunnel or NAT, by index.</summary>
    public List<TargetEntry> Targets { get; } = [default];

    /// <summary>Keys of the IPv4 servers behind NAT, in any order.</summary>
    public List<ServerKey4Entry> ServerKeys4 { get; } = [];

    /// <summary>Keys of the IPv6 servers behind NAT, in any order.</summary>
    public List<ServerKey6Entry> ServerKeys6 { get; } = [];

    /// <summary>Source addresses of FullNAT and SNAT, by slot.</summary>
    public List<SourceEntry> Sources { get; } = [default];

    /// <summary>Source slots of the pools' addresses.</summary>
    public List<ushort> PoolMembers { get; } = [];

    /// <summary>Rules of SNAT, in the order in which they are tried.</summary>
    public List<SnatRuleEntry> SnatRules { get; } = [];

    /// <summary>Which of them name an address as source or destination; made by <see cref="SnatIndex"/>.</summary>
    public List<SnatRangeEntry> SnatSources4 { get; } = [];

    /// <inheritdoc cref="SnatSources4"/>
    public List<SnatRangeEntry> SnatDestinations4 { get; } = [];

    /// <inheritdoc cref="SnatSources4"/>
    public List<SnatRangeEntry> SnatSources6 { get; } = [];

    /// <inheritdoc cref="SnatSources4"/>
    public List<SnatRangeEntry> SnatDestinations6 { get; } = [];

    /// <summary>The sets of rules that these name.</summary>
    public List<SnatSetEntry> SnatSets { get; } = [];

    /// <summary>Virtual router MAC addresses, in any order, each once for a port and VLAN.</summary>
    public List<VirtualMacEntry> VirtualMacs { get; } = [];

    /// <summary>Maglev table by service slot; services that share an array share its place in the snapshot.</summary>
    public Dictionary<int, ushort[]> MaglevTables { get; } = [];
}
