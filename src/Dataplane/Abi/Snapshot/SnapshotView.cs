namespace Forwarder.Abi;

/// <summary>
/// Pointers into a snapshot that <see cref="SnapshotVerifier"/> has passed: resolved once per generation, then
/// read without checks. Valid as long as the slot is not written again.
/// </summary>
public unsafe struct SnapshotView
{
    /// <summary>The snapshot's header.</summary>
    public SnapshotHeader* Header;
    /// <summary>Interfaces by id, and how many.</summary>
    public InterfaceEntry* Interfaces;
    public int InterfaceCount;
    /// <summary>Local IPv4 addresses and the log2 of the table's size.</summary>
    public LocalAddress4Entry* LocalAddresses4;
    public int LocalAddresses4Log2;
    /// <summary>Local IPv6 addresses and the log2 of the table's size.</summary>
    public LocalAddress6Entry* LocalAddresses6;
    public int LocalAddresses6Log2;
    /// <summary>IPv4 service keys and the log2 of the table's size.</summary>
    public ServiceKey4Entry* ServiceKeys4;
    public int ServiceKeys4Log2;
    /// <summary>IPv6 service keys and the log2 of the table's size.</summary>
    public ServiceKey6Entry* ServiceKeys6;
    public int ServiceKeys6Log2;
    /// <summary>Services by slot, and one more than the highest slot.</summary>
    public ServiceEntry* Services;
    public int ServiceCount;
    /// <summary>Server slots of each service's members.</summary>
    public uint* Members;
    /// <summary>Servers by slot, and one more than the highest slot.</summary>
    public ServerEntry* Servers;
    public int ServerCount;
    /// <summary>Next hops by slot, and one more than the highest slot.</summary>
    public NextHopEntry* NextHops;
    public int NextHopCount;
    /// <summary>Maglev tables.</summary>
    public ushort* Maglev;
    /// <summary>Targets of tunnels and NAT, and one more than the highest index.</summary>
    public TargetEntry* Targets;
    public int TargetCount;
    /// <summary>IPv4 keys of servers behind NAT and the log2 of the table's size.</summary>
    public ServerKey4Entry* ServerKeys4;
    public int ServerKeys4Log2;
    /// <summary>IPv6 keys of servers behind NAT and the log2 of the table's size.</summary>
    public ServerKey6Entry* ServerKeys6;
    public int ServerKeys6Log2;
    /// <summary>Source addresses of FullNAT and SNAT by slot, and one more than the highest slot.</summary>
    public SourceEntry* Sources;
    public int SourceCount;
    /// <summary>Source slots of the pools.</summary>
    public ushort* PoolMembers;
    /// <summary>Virtual router MAC addresses and the log2 of the table's size.</summary>
    public VirtualMacEntry* VirtualMacs;
    public int VirtualMacsLog2;

    /// <summary>Sets of time-outs, and how many.</summary>
    public FlowTimeouts* Timeouts;
    public int TimeoutsCount;

    /// <summary>Rules of SNAT, and how many.</summary>
    public SnatRuleEntry* SnatRules;
    public int SnatRuleCount;
    /// <summary>Which rules name an address.</summary>
    public SnatRanges SnatSources4, SnatDestinations4, SnatSources6, SnatDestinations6;
    /// <summary>The sets of rules that these name.</summary>
    public SnatSetEntry* SnatSets;

    /// <summary>Resolves the pointers of a verified snapshot.</summary>
    public SnapshotView(byte* start)
    {
        this = default;
        Header = (SnapshotHeader*)start;
        Interfaces = (InterfaceEntry*)At(start, SectionId.Interfaces, out InterfaceCount);
        LocalAddresses4 = (LocalAddress4Entry*)At(start, SectionId.LocalAddresses4, out int count);
        LocalAddresses4Log2 = Log2(count);
        LocalAddresses6 = (LocalAddress6Entry*)At(start, SectionId.LocalAddresses6, out count);
        LocalAddresses6Log2 = Log2(count);
        ServiceKeys4 = (ServiceKey4Entry*)At(start, SectionId.ServiceKeys4, out count);
        ServiceKeys4Log2 = Log2(count);
        ServiceKeys6 = (ServiceKey6Entry*)At(start, SectionId.ServiceKeys6, out count);
        ServiceKeys6Log2 = Log2(count);
        Services = (ServiceEntry*)At(start, SectionId.Services, out ServiceCount);
        Members = (uint*)At(start, SectionId.Members, out _);
        Servers = (ServerEntry*)At(start, SectionId.Servers, out ServerCount);
        NextHops = (NextHopEntry*)At(start, SectionId.NextHops, out NextHopCount);
        Maglev = (ushort*)At(start, SectionId.Maglev, out _);
        Targets = (TargetEntry*)At(start, SectionId.Targets, out TargetCount);
        ServerKeys4 = (ServerKey4Entry*)At(start, SectionId.ServerKeys4, out count);
        ServerKeys4Log2 = Log2(count);
        ServerKeys6 = (ServerKey6Entry*)At(start, SectionId.ServerKeys6, out count);
        ServerKeys6Log2 = Log2(count);
        Sources = (SourceEntry*)At(start, SectionId.Sources, out SourceCount);
        PoolMembers = (ushort*)At(start, SectionId.PoolMembers, out _);
        VirtualMacs = (VirtualMacEntry*)At(start, SectionId.VirtualMacs, out count);
        VirtualMacsLog2 = Log2(count);
        Timeouts = (FlowTimeouts*)At(start, SectionId.Timeouts, out TimeoutsCount);
        SnatRules = (SnatRuleEntry*)At(start, SectionId.SnatRules, out SnatRuleCount);
        SnatSources4 = Ranges(start, SectionId.SnatSources4);
        SnatDestinations4 = Ranges(start, SectionId.SnatDestinations4);
        SnatSources6 = Ranges(start, SectionId.SnatSources6);
        SnatDestinations6 = Ranges(start, SectionId.SnatDestinations6);
        SnatSets = (SnatSetEntry*)At(start, SectionId.SnatSets, out _);
    }

    /// <summary>Generation of the snapshot.</summary>
    public readonly ulong Generation => Header == null ? 0 : Header->Generation;

    /// <summary>What a local IPv4 address is (network byte order as it lies in memory), or null.</summary>
    public readonly LocalAddress4Entry* FindLocal4(uint address)
    {
        uint mask = (1u << LocalAddresses4Log2) - 1;
        for (uint i = Hashes.Slot(address, LocalAddresses4Log2); LocalAddresses4[i].Kind != LocalAddressKind.None; i = (i + 1) & mask)
        {
            if (LocalAddresses4[i].Address == address)
            {
                return LocalAddresses4 + i;
            }
        }

        return null;
    }

    /// <summary>What a local IPv6 address is (halves as they lie in memory), or null.</summary>
    public readonly LocalAddress6Entry* FindLocal6(ulong high, ulong low)
    {
        uint mask = (1u << LocalAddresses6Log2) - 1;
        for (uint i = Hashes.Slot(Hashes.Fold(high, low, 0), LocalAddresses6Log2); LocalAddresses6[i].Kind != LocalAddressKind.None; i = (i + 1) & mask)
        {
            if (LocalAddresses6[i].High == high && LocalAddresses6[i].Low == low)
            {
                return LocalAddresses6 + i;
            }
        }

        return null;
    }

    /// <summary>Whether a packet, whose IP header is sound, is for a VIP or a source address; then its VRRP group (0 = none), and whether it takes no packets of its own.</summary>
    public readonly bool IsForVirtual(byte* ip, out uint group, out bool acceptsNone)
    {
        if ((ip[0] >> 4) == 4)
        {
            LocalAddress4Entry* local4 = FindLocal4(*(uint*)(ip + 16));
            bool found4 = local4 != null && local4->IsVirtual;
            (group, acceptsNone) = found4 ? (local4->VrrpGroup, local4->AcceptsNone != 0) : (0u, false);
            return found4;
        }

        LocalAddress6Entry* local6 = FindLocal6(*(ulong*)(ip + 24), *(ulong*)(ip + 32));
        bool found6 = local6 != null && local6->IsVirtual;
        (group, acceptsNone) = found6 ? (local6->VrrpGroup, local6->AcceptsNone != 0) : (0u, false);
        return found6;
    }

    /// <summary>Finds the VRRP group of a virtual router MAC address by <see cref="VirtualMacEntry.MakeKey"/>; 0 = there is none.</summary>
    public readonly uint FindVirtualMac(ulong key)
    {
        uint mask = (1u << VirtualMacsLog2) - 1;
        uint i = Hashes.Slot(key, VirtualMacsLog2);
        while (VirtualMacs[i].Key != key && VirtualMacs[i].Key != 0)
        {
            i = (i + 1) & mask;
        }

        return VirtualMacs[i].VrrpGroup;
    }

    private static SnatRanges Ranges(byte* start, SectionId id)
    {
        SnatRangeEntry* entries = (SnatRangeEntry*)At(start, id, out int count);
        return new SnatRanges(entries, count);
    }

    private static byte* At(byte* start, SectionId id, out int count)
    {
        Section section = ((SnapshotHeader*)start)->Sections[(int)id];
        count = (int)section.Count;
        return start + section.Offset;
    }

    private static int Log2(int count) => System.Numerics.BitOperations.Log2((uint)count);
}
