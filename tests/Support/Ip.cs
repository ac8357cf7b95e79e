using System.Buffers.Binary;
using System.Net;

namespace Forwarder.TestSupport;

/// <summary>IP packets as bytes, put together field by field and apart from the engine: what a test expects is made with it.</summary>
public static class Ip
{
    /// <summary>The IP packet of a frame without VLAN tag, cut to its length.</summary>
    public static byte[] Of(ReadOnlySpan<byte> frame, int l2 = 14)
    {
        ReadOnlySpan<byte> ip = frame[l2..];
        int bytes = ip[0] >> 4 == 4 ? BinaryPrimitives.ReadUInt16BigEndian(ip[2..]) : 40 + BinaryPrimitives.ReadUInt16BigEndian(ip[4..]);
        return ip[..bytes].ToArray();
    }

    /// <summary>An IPv4 packet.</summary>
    public static byte[] V4(string source, string destination, byte protocol, byte[] payload, int tos = 0, int id = 0, bool dontFragment = false, int ttl = 64)
    {
        byte[] ip = new byte[20 + payload.Length];
        ip[0] = 0x45;
        ip[1] = (byte)tos;
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(2), (ushort)ip.Length);
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), (ushort)id);
        ip[6] = dontFragment ? (byte)0x40 : (byte)0;
        ip[8] = (byte)ttl;
        ip[9] = protocol;
        IPAddress.Parse(source).GetAddressBytes().CopyTo(ip, 12);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(ip, 16);
        payload.CopyTo(ip, 20);
        return Finish4(ip);
    }

    /// <summary>An IPv6 packet without flow label.</summary>
    public static byte[] V6(string source, string destination, byte next, byte[] payload, int trafficClass = 0, int hopLimit = 64)
    {
        byte[] ip = new byte[40 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(ip, 0x60000000 | ((uint)trafficClass << 20));
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), (ushort)payload.Length);
        ip[6] = next;
        ip[7] = (byte)hopLimit;
        IPAddress.Parse(source).GetAddressBytes().CopyTo(ip, 8);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(ip, 24);
        payload.CopyTo(ip, 40);
        return ip;
    }

    /// <summary>A whole TCP or UDP packet with right checksums; five bytes of payload unless given.</summary>
    public static byte[] Packet(byte protocol, string from, int fromPort, string to, int toPort, byte[]? payload = null, int ttl = 64, byte tcpFlags = 0x10)
    {
        payload ??= [1, 2, 3, 4, 5];
        byte[] l4 = new byte[protocol == 6 ? 20 : 8];
        BinaryPrimitives.WriteUInt16BigEndian(l4, (ushort)fromPort);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(2), (ushort)toPort);
        if (protocol == 6)
        {
            (l4[12], l4[13]) = (0x50, tcpFlags);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(4), (ushort)(8 + payload.Length));
        }

        byte[] all = [.. l4, .. payload];
        return Finish(to.Contains(':', StringComparison.Ordinal) ? V6(from, to, protocol, all, hopLimit: ttl) : V4(from, to, protocol, all, tos: 8, id: 99, dontFragment: true, ttl: ttl));
    }

    /// <summary>ICMP error about a port, with what it quotes.</summary>
    public static byte[] PortUnreachable(bool v6, string from, string to, byte[] quoted, int ttl = 64)
    {
        byte[] icmp = v6 ? [1, 4, 0, 0, 0, 0, 0, 0, .. quoted] : [3, 3, 0, 0, 0, 0, 0, 0, .. quoted];
        return Finish(v6 ? V6(from, to, 58, icmp, hopLimit: ttl) : V4(from, to, 1, icmp, ttl: ttl));
    }

    /// <summary>A UDP packet, as an error quotes it, with other addresses and ports; its transport checksum stays, as nobody looks at it.</summary>
    public static byte[] Quoted(bool v6, string from, int fromPort, string to, int toPort, byte[] packet)
    {
        int header = v6 ? 40 : 20, ttl = packet[v6 ? 7 : 8];
        byte[] quoted = Packet(17, from, fromPort, to, toPort, packet[(header + 8)..], ttl);
        packet.AsSpan(header + 6, 2).CopyTo(quoted.AsSpan(header + 6));
        return quoted;
    }

    /// <summary>Writes the header checksum of an IPv4 packet.</summary>
    public static byte[] Finish4(byte[] ip)
    {
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), 0);
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(10), (ushort)~Sum(ip.AsSpan(0, (ip[0] & 0xF) * 4)));
        return ip;
    }

    /// <summary>Writes the TCP, UDP, ICMP or ICMPv6 checksum of a packet without options or extension headers.</summary>
    public static byte[] Finish(byte[] ip)
    {
        int header = ip[0] >> 4 == 4 ? 20 : 40, protocol = header == 20 ? ip[9] : ip[6];
        int at = header + (protocol switch { 6 => 16, 17 => 6, _ => 2 });
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(at), 0);
        int sum = Sum(ip.AsSpan(header));
        if (protocol != 1)
        {
            byte[] pseudo = [.. header == 20 ? ip.AsSpan(12, 8) : ip.AsSpan(8, 32), 0, (byte)protocol, (byte)((ip.Length - header) >> 8), (byte)(ip.Length - header)];
            sum = Fold(sum + Sum(pseudo));
        }

        ushort checksum = (ushort)~sum;
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(at), protocol == 17 && checksum == 0 ? (ushort)0xFFFF : checksum);
        return header == 20 ? Finish4(ip) : ip;
    }

    /// <summary>Sum of 16-bit words (RFC 1071), folded.</summary>
    public static int Sum(ReadOnlySpan<byte> data)
    {
        int sum = 0;
        for (int i = 0; i < data.Length; i++)
        {
            sum = Fold(sum + (data[i] << (i % 2 == 0 ? 8 : 0)));
        }

        return sum;
    }

    private static int Fold(int sum) => (sum & 0xFFFF) + (sum >> 16);
}
