namespace Forwarder.Abi;

/// <summary>
/// Each way to lose a packet, as an index into <see cref="DropCounters"/>. A new reason needs an entry here,
/// a golden case and a line in docs/drop-reasons.md. Values are part of the region's layout: append only.
/// </summary>
public enum DropReason : byte
{
    /// <summary>Not dropped.</summary>
    None = 0,
    /// <summary>Frame shorter than the headers that it announces.</summary>
    Truncated = 1,
    /// <summary>IP version field does not match the EtherType.</summary>
    IpVersionBad = 2,
    /// <summary>IPv4 header length below 20 bytes or longer than the packet.</summary>
    Ipv4HeaderLengthBad = 3,
    /// <summary>IPv4 total length or IPv6 payload length larger than the frame, or smaller than the header.</summary>
    IpLengthBad = 4,
    /// <summary>The port's hardware found the IPv4 header checksum wrong.</summary>
    Ipv4ChecksumBad = 5,
    /// <summary>Fragment of another transport than TCP, UDP and SCTP (a large echo request, say), addressed to a VIP.</summary>
    Fragment = 6,
    /// <summary>TCP data offset below 20 bytes, UDP length wrong, SCTP without a chunk, or header cut off.</summary>
    L4HeaderBad = 7,
    /// <summary>For a VIP, but no virtual service has this protocol and port.</summary>
    NoService = 8,
    /// <summary>The virtual service has no real server that accepts flows.</summary>
    NoServer = 9,
    /// <summary>The real server's MAC address is not known and the housekeeping could not take the packet.</summary>
    NeighbourUnresolved = 10,
    /// <summary>Waited for a neighbour that did not answer in time.</summary>
    NeighbourTimeout = 11,
    /// <summary>Too many packets were waiting for this neighbour already.</summary>
    NeighbourQueueFull = 12,
    /// <summary>The egress port's Tx queue did not take the packet.</summary>
    TxFull = 13,
    /// <summary>The ring from worker to housekeeping was full.</summary>
    PuntRingFull = 14,
    /// <summary>The ring from housekeeping to the worker was full.</summary>
    InjectRingFull = 15,
    /// <summary>Not for a VIP, and the port has no exception port to the host's kernel.</summary>
    NoExceptionPort = 16,
    /// <summary>The exception port (TAP) did not take the frame.</summary>
    ExceptionPortFull = 17,
    /// <summary>Not for a virtual service, no interface has this port and VLAN, and the port has no exception port.</summary>
    UnknownVlan = 18,
    /// <summary>The mbuf pool was empty when a frame had to be made or copied.</summary>
    NoMbuf = 19,
    /// <summary>Malformed ARP or neighbour discovery message.</summary>
    NeighbourMessageBad = 20,
    /// <summary>Malformed ICMP message, or wrong checksum, addressed to a VIP.</summary>
    IcmpBad = 21,
    /// <summary>ICMP message of a kind that the director does not answer, addressed to a VIP.</summary>
    IcmpUnsupported = 22,
    /// <summary>Unicast frame for another MAC address (seen when the port is promiscuous), a packet for a VIP in a frame sent to all, or for anything but a VIP in one to a virtual MAC address.</summary>
    NotOurMac = 23,
    /// <summary>Transport other than TCP, UDP and SCTP, addressed to a VIP.</summary>
    ProtocolUnsupported = 24,
    /// <summary>IPv6 extension header chain that is malformed or longer than is followed.</summary>
    Ipv6ExtensionBad = 25,
    /// <summary>Packet that arrived in more than one mbuf segment where one is needed.</summary>
    MultiSegment = 26,
    /// <summary>No snapshot was accepted yet.</summary>
    NoSnapshot = 27,
    /// <summary>Larger than the MTU on the way to the server, less the outer header of a tunnel. The sender is told by ICMP.</summary>
    TooBig = 28,
    /// <summary>TTL or hop limit used up where the director counts as a router (tunnel, NAT). The sender is told by ICMP.</summary>
    TtlExpired = 29,
    /// <summary>For a VIP whose VRRP group this director does not own (it is backup, or its lease has run out), or for a virtual MAC address of such a group.</summary>
    VipNotOwned = 30,
    /// <summary>New flow to a server behind NAT, or of an inside host (SNAT), that found no room in the flow table: its replies could not be translated.</summary>
    FlowTableFull = 31,
    /// <summary>Flow to a server behind NAT whose client came from one router or neighbour too many.</summary>
    LastHopsFull = 32,
    /// <summary>The ring from the worker where a packet arrived to its flow's home worker was full.</summary>
    HandOverRingFull = 33,
    /// <summary>New flow to a server behind FullNAT, or of an inside host (SNAT): no address of the pool had a free local port.</summary>
    NoLocalPort = 34,
    /// <summary>For a source address of FullNAT or SNAT, but of no flow that has this local port.</summary>
    NoSession = 35,
    /// <summary>Echo request, or another ICMP message for the VIP itself, of a VRRP group that takes no packets (acceptMode false).</summary>
    VipAcceptsNone = 36,
    /// <summary>TCP packet without SYN that belongs to no flow, to a service whose flows only a SYN opens (sloppyTcp false); SCTP packet without INIT likewise (sloppySctp false).</summary>
    NotSyn = 37,
    /// <summary>Of a flow whose real server was removed, in a service that keeps such flows (expireNoDestination false).</summary>
    NoDestination = 38,
    /// <summary>Fragment of no bytes, of no whole units of 8 though more follow, or that makes its datagram longer than 65,535 bytes.</summary>
    FragmentBad = 39,
    /// <summary>First fragment without the whole transport header, or one that would lie over TCP's flags (offset 8 bytes).</summary>
    FragmentTiny = 40,
    /// <summary>Fragment that overlaps another one of its datagram, repeats it, or contradicts where it ends; all of a datagram after that.</summary>
    FragmentOverlap = 41,
    /// <summary>Fragment that would leave gaps in more than eight places of its datagram.</summary>
    FragmentScattered = 42,
    /// <summary>Fragment for a VIP or source address, or of an inside host (SNAT), that came before the first one of its datagram, or whose first one was not passed on or is too long ago.</summary>
    FragmentUnknown = 43,
    /// <summary>First fragment of an SCTP packet whose ports would be translated: its CRC32c is of all fragments, and must follow.</summary>
    FragmentSctp = 44,
    /// <summary>New flow to a virtual service that has its maximum of connections.</summary>
    ServiceFull = 45,
    /// <summary>New flow to a virtual service each of whose real servers has reached its upper threshold.</summary>
    ServersFull = 46,
    /// <summary>Of an IPv6 client's flow to an IPv4 server (NAT64), and nothing that the other family can say: headers behind an IPv6 fragment header, a fragmented datagram without checksum, an ICMP error without counterpart.</summary>
    NoTranslation = 47,
    /// <summary>First fragment of a packet that would have to carry the client's address (clientAddress), for which a fragment has no room.</summary>
    FragmentClientAddress = 48,
}
