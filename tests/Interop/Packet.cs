using System.Buffers.Binary;
using System.Net;

namespace Forwarder.Interop.Tests;

/// <summary>IPv4 packets with right checksums, and what can be read from them.</summary>
public static class Packet
{
    public const byte Icmp = 1, IpIp = 4, Tcp = 6, Udp = 17, Fin = 1, Syn = 2, Rst = 4, Ack = 16;
    private const int EthernetBytes = 14, IpBytes = 20, IcmpBytes = 8;

    /// <summary>A frame from one MAC address to another.</summary>
    public static byte[] Frame(string toMac, string fromMac, byte[] packet) => [.. Mac(toMac), .. Mac(fromMac), 8, 0, .. packet];

    public static byte[] TcpSegment(string source, int sourcePort, string destination, int destinationPort, byte flags, byte ttl = 64, int payloadBytes = 0)
    {
        byte[] segment = new byte[20 + payloadBytes];
        Ports(segment, sourcePort, destinationPort);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), 1_000_000);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), (flags & Ack) != 0 ? 2_000_000u : 0);
        (segment[12], segment[13], segment[14]) = (0x50, flags, 0x20);
        return Ip(source, destination, Tcp, segment, ttl, checksumAt: 16);
    }

    public static byte[] UdpDatagram(string source, int sourcePort, string destination, int destinationPort)
    {
        byte[] datagram = new byte[12];
        Ports(datagram, sourcePort, destinationPort);
        datagram[5] = 12;
        return Ip(source, destination, Udp, datagram, 64, checksumAt: 6);
    }

    /// <summary>An ICMP error about a packet; quotes 28 bytes of it.</summary>
    public static byte[] Error(string source, string destination, byte type, byte code, int mtu, byte[] about)
    {
        byte[] message = [type, code, 0, 0, 0, 0, (byte)(mtu >> 8), (byte)mtu, .. about[..(IpBytes + 8)]];
        return Ip(source, destination, Icmp, message, 64, checksumAt: 2);
    }

    public static byte[] Echo(string source, string destination, int identifier) =>
        Ip(source, destination, Icmp, [8, 0, 0, 0, (byte)(identifier >> 8), (byte)identifier, 0, 1, 1, 2, 3, 4], 64, checksumAt: 2);

    /// <summary>The IPv4 packet of a frame, taken out of an IPIP header; empty if there is none.</summary>
    public static byte[] Inner(byte[] frame)
    {
        if (frame.Length < EthernetBytes + IpBytes || frame[12] != 8 || frame[13] != 0)
        {
            return [];
        }

        int at = EthernetBytes + (frame[EthernetBytes + 9] == IpIp ? IpBytes : 0);
        return frame[at..];
    }

    public static string Source(byte[] packet) => new IPAddress(packet.AsSpan(12, 4)).ToString();

    public static string Destination(byte[] packet) => new IPAddress(packet.AsSpan(16, 4)).ToString();

    /// <summary>Source port of TCP and UDP.</summary>
    public static int SourcePort(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(IpBytes));

    /// <summary>Destination port of TCP and UDP.</summary>
    public static int DestinationPort(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(IpBytes + 2));

    /// <summary>What an ICMP error quotes.</summary>
    public static byte[] Quoted(byte[] packet) => packet[(IpBytes + IcmpBytes)..];

    /// <summary>The IPv4 header's sum and that of the ICMP message, if it is one, are right.</summary>
    public static bool HasRightSums(byte[] packet)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2));
        return Sum(packet.AsSpan(0, IpBytes)) == 0 && (packet[9] != Icmp || Sum(packet.AsSpan(IpBytes, length - IpBytes)) == 0);
    }

    private static byte[] Ip(string source, string destination, byte protocol, byte[] payload, byte ttl, int checksumAt)
    {
        byte[] packet = Ip(source, destination, protocol, payload, ttl);
        byte[] pseudo = protocol == Icmp ? [] : [.. packet[12..20], 0, protocol, (byte)(payload.Length >> 8), (byte)payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IpBytes + checksumAt), Sum([.. pseudo, .. payload]));
        return packet;
    }

    /// <summary>A header, and the payload as it is.</summary>
    public static byte[] Ip(string source, string destination, byte protocol, byte[] payload, byte ttl)
    {
        byte[] packet = new byte[IpBytes + payload.Length];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)packet.Length);
        (packet[0], packet[6], packet[8], packet[9]) = (0x45, 0x40, ttl, protocol);   // don't fragment
        IPAddress.Parse(source).GetAddressBytes().CopyTo(packet, 12);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(packet, 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(10), Sum(packet.AsSpan(0, IpBytes)));
        payload.CopyTo(packet, IpBytes);
        return packet;
    }

    private static void Ports(byte[] transport, int source, int destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(transport, (ushort)source);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), (ushort)destination);
    }

    /// <summary>RFC 1071.</summary>
    public static ushort Sum(ReadOnlySpan<byte> data)
    {
        uint sum = 0;
        for (int i = 0; i < data.Length; i++)
        {
            sum += (uint)data[i] << (i % 2 == 0 ? 8 : 0);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~((sum & 0xFFFF) + (sum >> 16));
    }

    private static byte[] Mac(string mac) => [.. mac.Split(':').Select(b => Convert.ToByte(b, 16))];
}
