namespace Forwarder.Abi;

/// <summary>The arrays of a snapshot, in the order in which they lie in it.</summary>
public enum SectionId
{
    /// <summary><see cref="InterfaceEntry"/> by interface id.</summary>
    Interfaces = 0,
    /// <summary>Hash table of <see cref="LocalAddress4Entry"/>.</summary>
    LocalAddresses4 = 1,
    /// <summary>Hash table of <see cref="LocalAddress6Entry"/>.</summary>
    LocalAddresses6 = 2,
    /// <summary>Hash table of <see cref="ServiceKey4Entry"/>.</summary>
    ServiceKeys4 = 3,
    /// <summary>Hash table of <see cref="ServiceKey6Entry"/>.</summary>
    ServiceKeys6 = 4,
    /// <summary><see cref="ServiceEntry"/> by service slot.</summary>
    Services = 5,
    /// <summary>Server slots (uint), the members of each service in a row.</summary>
    Members = 6,
    /// <summary><see cref="ServerEntry"/> by server slot.</summary>
    Servers = 7,
    /// <summary><see cref="NextHopEntry"/> by next-hop slot.</summary>
    NextHops = 8,
    /// <summary>Maglev tables, one after another: ushort index into the service's members.</summary>
    Maglev = 9,
    /// <summary><see cref="TargetEntry"/> by <see cref="ServerEntry.Target"/>.</summary>
    Targets = 10,
    /// <summary>Hash table of <see cref="ServerKey4Entry"/>.</summary>
    ServerKeys4 = 11,
    /// <summary>Hash table of <see cref="ServerKey6Entry"/>.</summary>
    ServerKeys6 = 12,
    /// <summary><see cref="SourceEntry"/> by source slot.</summary>
    Sources = 13,
    /// <summary>Source slots (ushort), the addresses of each pool in a row.</summary>
    PoolMembers = 14,
    /// <summary>Hash table of <see cref="VirtualMacEntry"/>.</summary>
    VirtualMacs = 15,
    /// <summary><see cref="FlowTimeouts"/> by <see cref="ServiceEntry.Timeouts"/>.</summary>
    Timeouts = 16,
    /// <summary><see cref="SnatRuleEntry"/> in the order in which they are tried.</summary>
    SnatRules = 17,
    /// <summary><see cref="SnatRangeEntry"/> by address: IPv4 sources of the rules.</summary>
    SnatSources4 = 18,
    /// <summary>As well: IPv4 destinations.</summary>
    SnatDestinations4 = 19,
    /// <summary>As well: IPv6 sources.</summary>
    SnatSources6 = 20,
    /// <summary>As well: IPv6 destinations.</summary>
    SnatDestinations6 = 21,
    /// <summary><see cref="SnatSetEntry"/> by <see cref="SnatRangeEntry.Set"/>.</summary>
    SnatSets = 22,
}
