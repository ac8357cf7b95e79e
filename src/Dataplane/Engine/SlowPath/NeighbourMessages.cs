using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>Makes ARP (RFC 826) and neighbour discovery (RFC 4861 section 4) messages.</summary>
internal sealed unsafe class NeighbourMessages(ISlowPathHost host, SlowPathCounters* counters)
{
    /// <summary>Bytes of an ARP message for Ethernet and IPv4; its first words and its operations, as loaded.</summary>
    public const int ArpBytes = 28;
    public const uint ArpEthernetIpv4 = 0x0008_0100;
    public const ushort ArpHardwareLengths = 0x0406, ArpRequest = 0x0100, ArpReply = 0x0200;

    /// <summary>Bytes of a solicitation or advertisement without options; types; options for the link-layer address.</summary>
    public const int NdBytes = 24;
    public const byte Solicitation = 135, Advertisement = 136, SourceOption = 1, TargetOption = 2;

    /// <summary>First half of a link-local address, as loaded.</summary>
    public const ulong LinkLocalHigh = 0x80FE;

    private const ulong Broadcast = Wire.MacMask;
    private const int FrameBytesMin = 60, OptionBytes = 8;
    private const byte FlagSolicited = 0x40, FlagOverride = 0x20;

    // ff02::1, and its Ethernet address (RFC 2464 section 7), as loaded.
    private const ulong AllNodesHigh = 0x02FF, AllNodesLow = 0x0100_0000_0000_0000, AllNodesMac = 0x0100_0000_3333;

    /// <summary>The fixed part of the second half of a solicited-node address (RFC 4291 section 2.7.1), as loaded.</summary>
    private const ulong SolicitedNodeLow = (0x01UL << 24) | (0xFFUL << 32);

    /// <summary>First half of a solicited-node address, as loaded.</summary>
    public const ulong SolicitedNodeHigh = AllNodesHigh;

    /// <summary>Second half of the solicited-node address of an address.</summary>
    public static ulong SolicitedNode(ulong low) => SolicitedNodeLow | ((low >> 40) << 40);

    /// <summary>Interface identifier of a MAC address (RFC 4291 appendix A), as loaded.</summary>
    public static ulong LinkLocalLow(ulong mac) =>
        ((mac & 0xFF_FFFF) ^ 0x02) | (0xFEFFUL << 24) | ((mac >> 24) << 40);

    /// <summary>Whether a MAC address can be one host's.</summary>
    public static bool IsHost(ulong mac) => mac != 0 && (mac & Wire.MacGroupBit) == 0;

    /// <summary>
    /// The checks of RFC 4861 sections 7.1.1 and 7.1.2: hop limit 255, code 0, checksum, 24 bytes at least, target no multicast,
    /// options with a length; from the unspecified address only to a solicited-node group and without the source's address;
    /// to a group no solicited advertisement.
    /// </summary>
    public static bool IsSound(byte* ip, byte* icmp, int bytes)
    {
        if (ip[7] != Wire.HopLimitMax || icmp[1] != 0 || bytes < NdBytes || icmp[8] == 0xFF
            || Checksum.Fold(Checksum.Sum(icmp, bytes, Checksum.PseudoHeader6(ip, bytes, Wire.Icmpv6))) != 0 || !AreOptionsSound(icmp, bytes))
        {
            return false;
        }

        if (icmp[0] == Advertisement)
        {
            return ip[24] != 0xFF || (icmp[4] & FlagSolicited) == 0;
        }

        bool unspecified = (*(ulong*)(ip + 8) | *(ulong*)(ip + 16)) == 0;
        return !unspecified || (IsSolicitedNode(ip + 24) && FindOption(icmp, bytes, SourceOption) == 0);
    }

    /// <summary>The link-layer address in an option, or 0.</summary>
    public static ulong FindOption(byte* icmp, int bytes, byte type)
    {
        for (int at = NdBytes; at + OptionBytes <= bytes && icmp[at + 1] != 0; at += icmp[at + 1] * 8)
        {
            if (icmp[at] == type)
            {
                return *(ulong*)(icmp + at) >> 16;
            }
        }

        return 0;
    }

    private static bool AreOptionsSound(byte* icmp, int bytes)
    {
        for (int at = NdBytes; at < bytes; at += icmp[at + 1] * 8)
        {
            if (at + OptionBytes > bytes || icmp[at + 1] == 0 || at + (icmp[at + 1] * 8) > bytes
                || (icmp[at] is SourceOption or TargetOption && !IsHost(*(ulong*)(icmp + at) >> 16)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>ff02::1:ffXX:XXXX.</summary>
    private static bool IsSolicitedNode(byte* address) =>
        *(ulong*)address == AllNodesHigh && (*(ulong*)(address + 8) & 0xFF_FFFF_FFFF) == SolicitedNodeLow;

    public void SendArpRequest(in InterfaceEntry entry, ulong portMac, uint target, ulong mac)
    {
        if (TryArp(entry, out ulong packet, out byte* frame, out byte* arp))
        {
            counters->ArpSent++;
            WriteArp(arp, ArpRequest, portMac, entry.Address4, 0, target);
            SendArp(entry, packet, frame, arp, mac != 0 ? mac : Broadcast, portMac);
        }
    }

    public void SendGratuitousArp(in InterfaceEntry entry, ulong portMac, uint address)
    {
        if (TryArp(entry, out ulong packet, out byte* frame, out byte* arp))
        {
            counters->ArpSent++;
            WriteArp(arp, ArpRequest, portMac, address, 0, address);
            SendArp(entry, packet, frame, arp, Broadcast, portMac);
        }
    }

    /// <summary>Turns the request into its answer, in place.</summary>
    public void AnswerArp(in SlowPacket p, ulong portMac, uint group)
    {
        byte* arp = p.Frame + p.L3;
        uint asked = *(uint*)(arp + 24);
        ulong asker = *(ulong*)(arp + 8) & Wire.MacMask;
        counters->ArpAnswered++;
        WriteArp(arp, ArpReply, portMac, asked, asker, *(uint*)(arp + 14));
        EthernetHeader.SetMacs(p.Frame, asker, portMac);
        host.Send(p.Packet, p.Frame, p.Length, p.Port, group);
    }

    public void SendSolicitation(in InterfaceEntry entry, ulong portMac, ulong high, ulong low, ulong mac)
    {
        if (!host.TryAllocate(out ulong packet, out byte* frame))
        {
            return;
        }

        counters->NdSent++;
        // The MAC address of ff02::1:ffXX:XXXX is 33-33-ff-XX-XX-XX (RFC 2464 section 7).
        ulong tail = low >> 40;
        bool unicast = mac != 0;
        ulong destinationHigh = unicast ? high : AllNodesHigh, destinationLow = unicast ? low : SolicitedNode(low);
        byte* icmp = WriteIpv6(entry, frame, unicast ? mac : 0xFF_3333UL | (tail << 24), portMac, destinationHigh, destinationLow, LinkLocalHigh, LinkLocalLow(portMac));
        WriteNd(icmp, Solicitation, 0, high, low, SourceOption, portMac);
        Finish(packet, frame, icmp, entry.Port);
    }

    public void SendAdvertisement(in InterfaceEntry entry, ulong portMac, ulong high, ulong low)
    {
        if (host.TryAllocate(out ulong packet, out byte* frame))
        {
            counters->NdSent++;
            byte* icmp = WriteIpv6(entry, frame, AllNodesMac, portMac, AllNodesHigh, AllNodesLow, high, low);
            WriteNd(icmp, Advertisement, FlagOverride, high, low, TargetOption, portMac);
            Finish(packet, frame, icmp, entry.Port);
        }
    }

    /// <summary>Answers a solicitation; one without a source address (duplicate address detection) is answered to all nodes (RFC 4861 section 7.2.4).</summary>
    public void AnswerSolicitation(in SlowPacket p, ulong high, ulong low, ulong portMac, uint group)
    {
        byte* ip = p.Frame + p.L3;
        ulong askerHigh = *(ulong*)(ip + 8), askerLow = *(ulong*)(ip + 16);
        bool unspecified = (askerHigh | askerLow) == 0;
        ulong askerMac = *(ulong*)(p.Frame + 6) & Wire.MacMask;
        ushort vlan = p.L3 == Wire.EthernetBytes ? (ushort)0 : (ushort)(BinaryPrimitives.ReverseEndianness(*(ushort*)(p.Frame + 14)) & 0xFFF);
        InterfaceEntry entry = new() { Port = (ushort)p.Port, Vlan = vlan };
        host.Release(p.Packet);
        if (host.TryAllocate(out ulong packet, out byte* frame))
        {
            counters->NdAnswered++;
            byte* icmp = WriteIpv6(entry, frame, unspecified ? AllNodesMac : askerMac, portMac, unspecified ? AllNodesHigh : askerHigh, unspecified ? AllNodesLow : askerLow, high, low);
            WriteNd(icmp, Advertisement, (byte)(FlagOverride | (unspecified ? 0 : FlagSolicited)), high, low, TargetOption, portMac);
            Finish(packet, frame, icmp, p.Port, group);
        }
    }

    private bool TryArp(in InterfaceEntry entry, out ulong packet, out byte* frame, out byte* arp)
    {
        bool allocated = host.TryAllocate(out packet, out frame);
        arp = allocated ? frame + WriteTag(entry, frame, Wire.Arp) : null;
        return allocated;
    }

    private void SendArp(in InterfaceEntry entry, ulong packet, byte* frame, byte* arp, ulong destination, ulong source)
    {
        int bytes = (int)(arp - frame) + ArpBytes;
        new Span<byte>(frame + bytes, FrameBytesMin - bytes).Clear();
        EthernetHeader.SetMacs(frame, destination, source);
        host.Send(packet, frame, FrameBytesMin, entry.Port, group: 0);
    }

    private static void WriteArp(byte* arp, ushort operation, ulong senderMac, uint sender, ulong targetMac, uint target)
    {
        *(uint*)arp = ArpEthernetIpv4;
        *(ushort*)(arp + 4) = ArpHardwareLengths;
        *(ushort*)(arp + 6) = operation;
        *(ulong*)(arp + 8) = senderMac;
        *(uint*)(arp + 14) = sender;
        *(ulong*)(arp + 18) = targetMac;
        *(uint*)(arp + 24) = target;
    }

    /// <summary>Writes the tag of a VLAN interface and the EtherType; returns where layer 3 starts.</summary>
    private static int WriteTag(in InterfaceEntry entry, byte* frame, ushort etherType)
    {
        int at = 12;
        if (entry.Vlan != 0)
        {
            *(ushort*)(frame + 12) = Wire.Vlan;
            *(ushort*)(frame + 14) = BinaryPrimitives.ReverseEndianness(entry.Vlan);
            at += Wire.VlanTagBytes;
        }

        *(ushort*)(frame + at) = etherType;
        return at + sizeof(ushort);
    }

    /// <summary>Writes Ethernet and IPv6 headers of a message of ours; returns where ICMPv6 starts.</summary>
    public static byte* WriteIpv6(in InterfaceEntry entry, byte* frame, ulong destinationMac, ulong sourceMac, ulong destinationHigh, ulong destinationLow, ulong sourceHigh, ulong sourceLow)
    {
        byte* ip = frame + WriteTag(entry, frame, Wire.Ipv6);
        EthernetHeader.SetMacs(frame, destinationMac, sourceMac);
        *(uint*)ip = 0x60;
        *(ushort*)(ip + 4) = BinaryPrimitives.ReverseEndianness((ushort)(NdBytes + OptionBytes));
        ip[6] = Wire.Icmpv6;
        ip[7] = Wire.HopLimitMax;
        *(ulong*)(ip + 8) = sourceHigh;
        *(ulong*)(ip + 16) = sourceLow;
        *(ulong*)(ip + 24) = destinationHigh;
        *(ulong*)(ip + 32) = destinationLow;
        return ip + Wire.Ipv6Bytes;
    }

    private static void WriteNd(byte* icmp, byte type, byte flags, ulong high, ulong low, byte option, ulong mac)
    {
        *(ulong*)icmp = type;
        icmp[4] = flags;
        *(ulong*)(icmp + 8) = high;
        *(ulong*)(icmp + 16) = low;
        *(ulong*)(icmp + NdBytes) = option | (1UL << 8) | (mac << 16);
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, NdBytes + OptionBytes, Checksum.PseudoHeader6(icmp - Wire.Ipv6Bytes, NdBytes + OptionBytes, Wire.Icmpv6)));
    }

    private void Finish(ulong packet, byte* frame, byte* icmp, int port, uint group = 0) => host.Send(packet, frame, (int)(icmp - frame) + NdBytes + OptionBytes, port, group);
}
