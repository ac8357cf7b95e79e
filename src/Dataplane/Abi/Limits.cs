namespace Forwarder.Abi;

/// <summary>
/// Every maximum that both processes must agree on. A change here changes the size of the region, so it
/// also needs a new <see cref="RegionHeader.CurrentVersion"/>.
/// </summary>
public static class Limits
{
    /// <summary>Forwarding workers of one dataplane: one CPU and one Rx queue per port each.</summary>
    public const int WorkersMax = 64;

    /// <summary>DPDK ports of one dataplane. Must fit the port byte of a neighbour word.</summary>
    public const int PortsMax = 16;

    /// <summary>Layer-3 interfaces: a port, or a VLAN on a port.</summary>
    public const int InterfacesMax = 256;

    /// <summary>Own addresses and VIPs together, per address family.</summary>
    public const int LocalAddressesMax = 65_536;

    /// <summary>Virtual services. A flow key has 16 bits for the slot; slot 0 is never used.</summary>
    public const int ServicesMax = 16_384;

    /// <summary>Real servers over all services. A flow value has 20 bits for the slot; slot 0 is never used.</summary>
    public const int ServersMax = 131_072;

    /// <summary>Real servers of one virtual service. Maglev entries are 16-bit indexes into the members.</summary>
    public const int ServersPerServiceMax = 8_192;

    /// <summary>Services that one address and port of a real server behind NAT serves: a reply is looked for in each.</summary>
    public const int NatServicesPerServerMax = 64;

    /// <summary>Source addresses of FullNAT and SNAT. A flow has 11 bits for the slot; slot 0 is never used.</summary>
    public const int SourcesMax = 1_024;

    /// <summary>Source addresses that a dataplane has room for unless told otherwise: each takes 2.9 MB over all workers together, with RSS up to 3.4.</summary>
    public const int SourcesDefault = 8;

    /// <summary>First local port that FullNAT and SNAT use.</summary>
    public const int SourcePortMin = 1_024;

    /// <summary>Rules of SNAT in a snapshot: one for each family that a rule of the configuration has.</summary>
    public const int SnatRulesMax = 512;

    /// <summary>Prefixes of all rules of SNAT together.</summary>
    public const int SnatPrefixesMax = 65_536;

    /// <summary>Different sets of time-outs over all services: a service names its set by one byte.</summary>
    public const int FlowTimeoutsMax = 256;

    /// <summary>Next hops (neighbours that packets are sent to). Slot 0 is never used.</summary>
    public const int NextHopsMax = 131_072;

    /// <summary>VRRP groups of a director, all ports, VLANs and families together; number 0 means none.</summary>
    public const int VrrpGroupsMax = 4_096;

    /// <summary>Weight of a real server, as IPVS has it. 0 means quiesced: no new flows.</summary>
    public const int WeightMax = 65_535;

    /// <summary>Largest threshold of a real server and maximum of a virtual service, in connections.</summary>
    public const int ConnectionsMax = int.MaxValue;

    /// <summary>Counts of flows that housekeeping sums up in a millisecond, see <see cref="OtherConnections"/>.</summary>
    public const int ConnectionSumsPerMs = 8_192;

    /// <summary>Default size of a Maglev table: the prime of the Maglev paper.</summary>
    public const int MaglevTableSizeDefault = 65_537;

    /// <summary>Smallest and largest prime accepted as the size of a Maglev table.</summary>
    public const int MaglevTableSizeMin = 251, MaglevTableSizeMax = 655_373;

    /// <summary>Fragmented datagrams on their way that a worker knows; a power of two. 128 bytes each. One more takes the place of an old one.</summary>
    public const int FragmentsPerWorker = 4_096;

    /// <summary>Time from a datagram's first fragment on in which later ones follow it, in ms: as long as Linux waits (ipfrag_time).</summary>
    public const int FragmentTimeoutMs = 30_000;

    /// <summary>Parts of a datagram between which fragments are still missing.</summary>
    public const int FragmentRunsMax = 8;

    /// <summary>Packets taken from one Rx queue at a time.</summary>
    public const int BurstMax = 32;

    /// <summary>Snapshots held at a time: the one in use, the one that workers are moving from, one to write.</summary>
    public const int SnapshotSlots = 3;

    /// <summary>Default and largest size of one snapshot slot in bytes. The file is sparse: what is not written costs nothing.</summary>
    public const long SnapshotSlotBytesDefault = 2_000_000_000, SnapshotSlotBytesMax = 2_147_479_552;

    /// <summary>Smallest snapshot slot that is accepted, in bytes.</summary>
    public const long SnapshotSlotBytesMin = 1 << 20;

    /// <summary>Flows that one flow query returns at most.</summary>
    public const int FlowQueryEntriesMax = 1_024;

    /// <summary>Multicast addresses that a port filters for: with more it takes all, as filters of cards are small.</summary>
    public const int PortMulticastMax = 128;

    /// <summary>Virtual router MAC addresses on a port: 255 VRIDs of two families.</summary>
    public const int PortVirtualMacsMax = 510;

    /// <summary>Extended statistics kept per port.</summary>
    public const int PortXstatsMax = 256;

    /// <summary>Bytes of a port's name, its driver's name or an error text, UTF-8, zero-terminated where shorter.</summary>
    public const int NameBytesMax = 64, ErrorTextBytesMax = 512;

    /// <summary>Configured flows per worker and address family.</summary>
    public const int FlowsPerWorkerMin = 1_024, FlowsPerWorkerMax = 33_554_432, FlowsPerWorkerDefault = 262_144;
}
