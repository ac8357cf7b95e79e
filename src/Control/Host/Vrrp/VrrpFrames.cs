using System.Buffers.Binary;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>Ethernet frames that VRRP sends: advertisements, gratuitous ARP (RFC 5227 section 3), unsolicited neighbour advertisements (RFC 4861 section 7.2.6).</summary>
public sealed class VrrpFrames(IReadOnlyList<byte> mac, ushort vlan)
{
    private const ushort Ipv4 = 0x0800, Arp = 0x0806, Vlan = 0x8100, Ipv6 = 0x86DD;
    private const int ArpBytes = 28, FrameBytesMin = 60, NdBytes = 32, NdOptionAt = 24, TagBytes = 4;
    private const byte Icmpv6 = 58, NeighbourAdvertisement = 136, RouterAndOverride = 0xA0, TargetLinkLayer = 2, HopLimit = 255;
    private static readonly byte[] s_allNodesMac = [0x33, 0x33, 0, 0, 0, 1];
    private static readonly byte[] s_broadcast = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    private static readonly VrrpAddress s_allNodes = VrrpAddress.Parse("ff02::1");

    private readonly byte[] _portMac = [.. mac], _mac = [.. mac]; // the port's, and the one in use: it, or a group's virtual one
    private readonly byte[] _frame = new byte[10_000];
    private ushort _identification;

    /// <summary>An advertisement to the group; valid until the next call.</summary>
    public ReadOnlySpan<byte> Advertisement(VrrpConfig config, byte priority, VrrpVersion version)
    {
        Span<byte> group = stackalloc byte[VrrpMac.Bytes];
        VrrpMac.WriteGroup(group, config.IsIPv6);
        return Advertisement(config, priority, version, VrrpAddress.Group(config.IsIPv6), group);
    }

    /// <summary>An advertisement to one peer; valid until the next call.</summary>
    public ReadOnlySpan<byte> Advertisement(VrrpConfig config, byte priority, VrrpVersion version, VrrpAddress target, scoped ReadOnlySpan<byte> targetMac)
    {
        UseMac(config);
        int at = Header(targetMac, config.IsIPv6 ? Ipv6 : Ipv4);
        int bytes = VrrpIpPacket.Build(_frame.AsSpan(at), config.Advert(priority, version), config.PrimaryAddress, target, config.ChecksumForm, ++_identification);
        return _frame.AsSpan(0, at + bytes);
    }

    /// <summary>Says where an address is now; valid until the next call.</summary>
    public ReadOnlySpan<byte> Announcement(VrrpConfig config, VrrpAddress address)
    {
        UseMac(config);
        return address.IsIPv6 ? Unsolicited(address) : Gratuitous(address);
    }

    /// <summary>Advertisements and announcements come from the virtual router's MAC address (RFC 9568 sections 7.2, 8.1.2, 8.2.2), where the group has one.</summary>
    private void UseMac(VrrpConfig config)
    {
        if (config.VirtualMac)
        {
            VrrpMac.WriteVirtual(_mac, config.Vrid, config.IsIPv6);
        }
        else
        {
            _portMac.CopyTo(_mac, 0);
        }
    }

    private ReadOnlySpan<byte> Gratuitous(VrrpAddress address)
    {
        int at = Header(s_broadcast, Arp);
        Span<byte> arp = _frame.AsSpan(at, ArpBytes);
        ReadOnlySpan<byte> request = [0, 1, 8, 0, 6, 4, 0, 1];
        request.CopyTo(arp);
        _mac.CopyTo(arp[8..]);
        address.Write(arp[14..]);
        s_broadcast.CopyTo(arp[18..]);
        address.Write(arp[24..]);
        int bytes = Math.Max(at + ArpBytes, FrameBytesMin);
        _frame.AsSpan(at + ArpBytes, bytes - at - ArpBytes).Clear();
        return _frame.AsSpan(0, bytes);
    }

    private ReadOnlySpan<byte> Unsolicited(VrrpAddress address)
    {
        int at = Header(s_allNodesMac, Ipv6);
        Span<byte> ip = _frame.AsSpan(at, VrrpLimits.IPv6HeaderBytes);
        Span<byte> icmp = _frame.AsSpan(at + VrrpLimits.IPv6HeaderBytes, NdBytes);
        ip.Clear();
        icmp.Clear();
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], NdBytes);
        ip[6] = Icmpv6;
        ip[7] = HopLimit;
        address.Write(ip[8..]);
        s_allNodes.Write(ip[24..]);
        icmp[0] = NeighbourAdvertisement;
        icmp[4] = RouterAndOverride;
        address.Write(icmp[8..]);
        icmp[NdOptionAt] = TargetLinkLayer;
        icmp[NdOptionAt + 1] = 1;
        _mac.CopyTo(icmp[(NdOptionAt + 2)..]);
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], Checksum(ip, icmp));
        return _frame.AsSpan(0, at + ip.Length + icmp.Length);
    }

    /// <summary>With the pseudo-header of RFC 8200 section 8.1.</summary>
    private static ushort Checksum(ReadOnlySpan<byte> ip, ReadOnlySpan<byte> icmp)
    {
        uint sum = (uint)icmp.Length + Icmpv6;
        for (int i = 8; i < ip.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        for (int i = 0; i < icmp.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(icmp[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }

    /// <summary>Writes MAC addresses, tag and EtherType; returns where layer 3 starts.</summary>
    private int Header(ReadOnlySpan<byte> destination, ushort etherType)
    {
        destination.CopyTo(_frame);
        _mac.CopyTo(_frame.AsSpan(VrrpMac.Bytes));
        int at = 2 * VrrpMac.Bytes;
        if (vlan != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(at), Vlan);
            BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(at + 2), vlan);
            at += TagBytes;
        }

        BinaryPrimitives.WriteUInt16BigEndian(_frame.AsSpan(at), etherType);
        return at + sizeof(ushort);
    }
}
