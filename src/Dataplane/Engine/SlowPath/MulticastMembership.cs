using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Reports membership of solicited-node groups (RFC 3810; RFC 4862 section 5.4.2 asks for it), so that switches that snoop
/// let solicitations through.
/// </summary>
internal sealed unsafe class MulticastMembership(ISlowPathHost host, SlowPathCounters* counters)
{
    private const byte Query = 130, Report = 143, ChangeToExclude = 4, HopLimit = 1;
    private const int HopByHopBytes = 8, ReportBytes = 28, QueryBytesMin = 24;

    // ff02::16, and its Ethernet address, as loaded.
    private const ulong AllMldv2RoutersHigh = 0x02FF, AllMldv2RoutersLow = 0x1600_0000_0000_0000, AllMldv2RoutersMac = 0x1600_0000_3333;

    // Next header ICMPv6, router alert for MLD (RFC 2711 section 2.1), padding; as loaded.
    private const ulong RouterAlert = 0x0001_0000_0205_003A;

    /// <summary>Whether a packet is a query: of one hop, from a link-local address, with the router alert (RFC 3810 section 6.2).</summary>
    public static bool IsQuery(byte* ip, int payloadBytes, int room)
    {
        byte* icmp = ip + Wire.Ipv6Bytes + HopByHopBytes;
        int bytes = payloadBytes - HopByHopBytes;
        return ip[6] == Wire.HopByHop && bytes >= QueryBytesMin && Wire.Ipv6Bytes + payloadBytes <= room
            && *(ushort*)(ip + Wire.Ipv6Bytes) == Wire.Icmpv6 && icmp[0] == Query && ip[7] == HopLimit && ip[8] == 0xFE && (ip[9] & 0xC0) == 0x80
            && Checksum.Fold(Checksum.Sum(icmp, bytes, Checksum.PseudoHeader6(ip, bytes, Wire.Icmpv6))) == 0;
    }

    /// <summary>Reports the solicited-node group of an address whose second half is <paramref name="low"/>.</summary>
    public void Send(in InterfaceEntry entry, ulong portMac, ulong low)
    {
        if (!host.TryAllocate(out ulong packet, out byte* frame))
        {
            return;
        }

        counters->NdSent++;
        byte* ip = NeighbourMessages.WriteIpv6(entry, frame, AllMldv2RoutersMac, portMac, AllMldv2RoutersHigh, AllMldv2RoutersLow, NeighbourMessages.LinkLocalHigh, NeighbourMessages.LinkLocalLow(portMac)) - Wire.Ipv6Bytes;
        *(ushort*)(ip + 4) = BinaryPrimitives.ReverseEndianness((ushort)(HopByHopBytes + ReportBytes));
        ip[6] = Wire.HopByHop;
        ip[7] = HopLimit;
        *(ulong*)(ip + Wire.Ipv6Bytes) = RouterAlert;
        byte* icmp = ip + Wire.Ipv6Bytes + HopByHopBytes;
        *(ulong*)icmp = Report | (1UL << 56); // one record
        *(uint*)(icmp + 8) = ChangeToExclude; // no sources: all of them
        *(ulong*)(icmp + 12) = NeighbourMessages.SolicitedNodeHigh;
        *(ulong*)(icmp + 20) = NeighbourMessages.SolicitedNode(low);
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, ReportBytes, Checksum.PseudoHeader6(ip, ReportBytes, Wire.Icmpv6)));
        host.Send(packet, frame, (int)(icmp - frame) + ReportBytes, entry.Port, group: 0);
    }
}
