using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>Numbers of the wire formats. 16-bit values marked "as loaded" are in network byte order read as a little-endian number.</summary>
public static class Wire
{
    /// <summary>Bytes of an Ethernet header without tag, and of a VLAN tag (IEEE 802.1Q).</summary>
    public const int EthernetBytes = 14, VlanTagBytes = 4;
    /// <summary>EtherTypes as loaded: IPv4 0x0800, IPv6 0x86DD, ARP 0x0806, VLAN 0x8100.</summary>
    public const ushort Ipv4 = 0x0008, Ipv6 = 0xDD86, Arp = 0x0608, Vlan = 0x0081;
    /// <summary>Bytes of an IPv4 header without options (RFC 791) and of an IPv6 header (RFC 8200).</summary>
    public const int Ipv4Bytes = 20, Ipv6Bytes = 40;
    /// <summary>Bytes of an IPv6 fragment header (RFC 8200 section 4.5).</summary>
    public const int Ipv6FragmentBytes = 8;
    /// <summary>Bytes of the fixed TCP header (RFC 9293), of UDP (RFC 768).</summary>
    public const int TcpBytes = 20, UdpBytes = 8;
    /// <summary>Bytes of SCTP's common header and of a chunk's (RFC 9260 section 3), of both, and where the CRC32c is.</summary>
    public const int SctpHeaderBytes = 12, SctpChunkBytes = 4, SctpBytes = SctpHeaderBytes + SctpChunkBytes, SctpChecksumOffset = 8;
    /// <summary>Where their checksums are.</summary>
    public const int TcpChecksumOffset = 16, UdpChecksumOffset = 6;
    /// <summary>IP protocol numbers.</summary>
    public const byte Icmp = 1, Tcp = 6, Udp = 17, Icmpv6 = 58, Sctp = 132;
    /// <summary>IP protocol numbers of a packet in a packet: IPv4 (RFC 2003) and IPv6 (RFC 4213, RFC 2473).</summary>
    public const byte Ipv4InIp = 4, Ipv6InIp = 41, Gre = 47;
    /// <summary>IPv4 more-fragments flag and fragment offset, as loaded.</summary>
    public const ushort Ipv4FragmentMask = 0xFF3F;
    /// <summary>IPv4 don't-fragment flag, as loaded.</summary>
    public const ushort Ipv4DontFragment = 0x0040;
    /// <summary>TCP flags (RFC 9293 section 3.1).</summary>
    public const byte Fin = 0x01, Syn = 0x02, Rst = 0x04, Ack = 0x10, Urg = 0x20;
    /// <summary>IPv6 extension headers that are followed: hop-by-hop, routing, fragment, destination options (RFC 8200 section 4).</summary>
    public const byte HopByHop = 0, Routing = 43, Fragment = 44, DestinationOptions = 60;
    /// <summary>Extension headers followed before a packet is called malformed.</summary>
    public const int Ipv6ExtensionsMax = 4;
    /// <summary>Largest IPv4 TTL and IPv6 hop limit; what neighbour discovery demands (RFC 4861 section 6.1.1).</summary>
    public const byte HopLimitMax = 255;
    /// <summary>The 48 bits of a MAC address loaded with the two bytes behind it.</summary>
    public const ulong MacMask = 0x0000_FFFF_FFFF_FFFF;
    /// <summary>The group bit of a MAC address (first byte lowest).</summary>
    public const ulong MacGroupBit = 1;

    /// <summary>Whether a transport has ports, and flows of it are known.</summary>
    public static bool HasPorts(byte protocol) => protocol is Tcp or Udp or Sctp;

    /// <summary>From network byte order as loaded to a number, and back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);
}
