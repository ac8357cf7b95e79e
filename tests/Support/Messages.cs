using System.Buffers.Binary;
using System.Net;
using Forwarder.Engine;

namespace Forwarder.TestSupport;

/// <summary>ARP (RFC 826), neighbour discovery (RFC 4861) and echo messages, written down byte by byte.</summary>
public static class Messages
{
    /// <summary>The director's MAC address in tests: 02:00:00:00:00:01, first byte lowest.</summary>
    public const ulong DirectorMac = 0x0100_0000_0002;

    /// <summary>An ARP message (1 = request, 2 = reply) to all, padded.</summary>
    public static byte[] Arp(int operation, string sender, string target, ulong senderMac, int vlan = 0)
    {
        byte[] frame = Ethernet(0xFFFF_FFFF_FFFF, senderMac, vlan, 0x0806, 46);
        Span<byte> arp = frame.AsSpan(vlan == 0 ? 14 : 18);
        new byte[] { 0, 1, 8, 0, 6, 4, 0, (byte)operation }.CopyTo(arp);
        BinaryPrimitives.WriteUInt64LittleEndian(arp[8..], senderMac);
        IPAddress.Parse(sender).GetAddressBytes().CopyTo(arp[14..]);
        IPAddress.Parse(target).GetAddressBytes().CopyTo(arp[24..]);
        return frame;
    }

    /// <summary>A solicitation (135) or advertisement (136); option 1 is the source's, 2 the target's MAC address, 0 none.</summary>
    public static byte[] Nd(byte type, string source, string destination, string target, ulong mac, byte option, byte hopLimit = 255, byte flags = 0, int vlan = 0)
    {
        byte[] icmp = new byte[option == 0 ? 24 : 32];
        icmp[0] = type;
        icmp[4] = flags;
        IPAddress.Parse(target).GetAddressBytes().CopyTo(icmp, 8);
        if (option != 0)
        {
            icmp[24] = option;
            icmp[25] = 1;
            Mac(mac).CopyTo(icmp, 26);
        }

        return Icmpv6(source, destination, mac, icmp, hopLimit, vlan);
    }

    /// <summary>An ICMPv6 message; its checksum is filled in.</summary>
    public static byte[] Icmpv6(string source, string destination, ulong mac, byte[] icmp, byte hopLimit = 64, int vlan = 0)
    {
        byte[] to = IPAddress.Parse(destination).GetAddressBytes();
        ulong destinationMac = to[0] == 0xFF ? 0x3333UL | ((ulong)BitConverter.ToUInt32(to, 12) << 16) : DirectorMac;
        byte[] frame = Ethernet(destinationMac, mac, vlan, 0x86DD, 40 + icmp.Length);
        Span<byte> ip = frame.AsSpan(vlan == 0 ? 14 : 18);
        ip[0] = 0x60;
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)icmp.Length);
        ip[6] = 58;
        ip[7] = hopLimit;
        IPAddress.Parse(source).GetAddressBytes().CopyTo(ip[8..]);
        to.CopyTo(ip[24..]);
        icmp.CopyTo(ip[40..]);
        BinaryPrimitives.WriteUInt16LittleEndian(ip[42..], Checksum6(ip));
        return frame;
    }

    /// <summary>An ICMP echo message (8 = request, 0 = reply).</summary>
    public static byte[] Echo4(string source, string destination, byte type = 8, int payloadBytes = 56, ulong? destinationMac = null)
    {
        byte[] frame = Ethernet(destinationMac ?? DirectorMac, 0x990000000002, 0, 0x0800, 28 + payloadBytes);
        Span<byte> ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(28 + payloadBytes));
        ip[8] = 7;
        ip[9] = Wire.Icmp;
        IPAddress.Parse(source).GetAddressBytes().CopyTo(ip[12..]);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(ip[16..]);
        ip[20] = type;
        ip[24] = 0x12;
        ip[27] = 1;
        ip[28..].Fill(0xA5);
        BinaryPrimitives.WriteUInt16LittleEndian(ip[10..], Fold(ip[..20]));
        BinaryPrimitives.WriteUInt16LittleEndian(ip[22..], Fold(ip[20..]));
        return frame;
    }

    /// <summary>0 over an IPv6 packet whose ICMPv6 checksum is right.</summary>
    public static ushort Checksum6(ReadOnlySpan<byte> ip)
    {
        int bytes = BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        byte[] pseudo = [.. ip[8..40], 0, 0, (byte)(bytes >> 8), (byte)bytes, 0, 0, 0, 58, .. ip.Slice(40, bytes)];
        return Fold(pseudo);
    }

    /// <summary>Internet checksum as loaded.</summary>
    public static ushort Fold(ReadOnlySpan<byte> data)
    {
        ulong sum = 0;
        for (int i = 0; i < data.Length; i += 2)
        {
            sum += i + 1 < data.Length ? BinaryPrimitives.ReadUInt16LittleEndian(data[i..]) : data[i];
        }

        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    private static byte[] Ethernet(ulong destination, ulong source, int vlan, int etherType, int payloadBytes)
    {
        byte[] tag = vlan == 0 ? [] : [0x81, 0, (byte)(vlan >> 8), (byte)vlan];
        return [.. Mac(destination), .. Mac(source), .. tag, (byte)(etherType >> 8), (byte)etherType, .. new byte[payloadBytes]];
    }

    private static byte[] Mac(ulong mac) => BitConverter.GetBytes(mac)[..6];
}
