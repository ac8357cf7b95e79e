using System.Buffers.Binary;
using System.Net;
using System.Numerics;

namespace Forwarder.Interop.Tests;

/// <summary>IPv4 and IPv6 packets with right checksums, and what can be read from them. The addresses say the family.</summary>
public static class Packet
{
    public const byte Tcp = 6, Udp = 17, Sctp = 132, Fin = 1, Syn = 2, Rst = 4, Ack = 16;
    private const byte IpIp = 4, Ipv6InIp = 41, Icmp4 = 1, Icmp6 = 58;
    private const int EthernetBytes = 14, Ip4Bytes = 20, Ip6Bytes = 40, IcmpBytes = 8, ReadableBytes = 8, SctpHeaderBytes = 12;

    // Type and code of what both families have.
    private static readonly Dictionary<IcmpKind, (byte Type, byte Code)> s_icmp4 = new()
    {
        [IcmpKind.EchoRequest] = (8, 0), [IcmpKind.EchoReply] = (0, 0), [IcmpKind.PortUnreachable] = (3, 3), [IcmpKind.ProtocolUnreachable] = (3, 2), [IcmpKind.TooBig] = (3, 4), [IcmpKind.TimeExceeded] = (11, 0),
    };

    private static readonly Dictionary<IcmpKind, (byte Type, byte Code)> s_icmp6 = new()
    {
        [IcmpKind.EchoRequest] = (128, 0), [IcmpKind.EchoReply] = (129, 0), [IcmpKind.PortUnreachable] = (1, 4), [IcmpKind.ProtocolUnreachable] = (4, 1), [IcmpKind.TooBig] = (2, 0), [IcmpKind.TimeExceeded] = (3, 0),
    };

    /// <summary>A frame from one MAC address to another.</summary>
    public static byte[] Frame(string toMac, string fromMac, byte[] packet) => [.. Mac(toMac), .. Mac(fromMac), .. (byte[])(IsV6(packet) ? [0x86, 0xDD] : [8, 0]), .. packet];

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

    /// <summary>An SCTP packet with one chunk (RFC 9260 section 3.3), whose value says nothing but zeros.</summary>
    public static byte[] SctpPacket(string source, int sourcePort, string destination, int destinationPort, SctpChunk chunk)
    {
        int valueBytes = chunk switch { SctpChunk.Init => 16, SctpChunk.InitAck or SctpChunk.Data => 20, SctpChunk.Shutdown or SctpChunk.CookieEcho => 4, _ => 0 };
        byte[] packet = new byte[SctpHeaderBytes + 4 + valueBytes];
        Ports(packet, sourcePort, destinationPort);
        packet[7] = (byte)(chunk == SctpChunk.Init ? 0 : 1);
        (packet[SctpHeaderBytes], packet[SctpHeaderBytes + 3]) = ((byte)chunk, (byte)(4 + valueBytes));
        BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), ~packet.Aggregate(uint.MaxValue, BitOperations.Crc32C));
        return Ip(source, destination, Sctp, packet, 64);
    }

    /// <summary>The first chunk of an SCTP packet.</summary>
    public static SctpChunk Chunk(byte[] packet) => (SctpChunk)packet[IpBytes(packet) + SctpHeaderBytes];

    /// <summary>An ICMP error about a packet; quotes 28 bytes of an IPv4 packet, all of an IPv6 packet.</summary>
    public static byte[] Error(string source, string destination, IcmpKind kind, int mtu, byte[] about) =>
        Icmp(source, destination, kind, [0, 0, (byte)(mtu >> 8), (byte)mtu, .. IsV6(about) ? about : about[..(Ip4Bytes + 8)]]);

    public static byte[] Echo(string source, string destination, int identifier) =>
        Icmp(source, destination, IcmpKind.EchoRequest, [(byte)(identifier >> 8), (byte)identifier, 0, 1, 1, 2, 3, 4]);

    /// <summary>The packet of a frame, taken out of an IPIP header; empty if there is none.</summary>
    public static byte[] Inner(byte[] frame)
    {
        ReadOnlySpan<byte> etherType = frame.AsSpan(12, 2);
        if (frame.Length < EthernetBytes + Ip4Bytes + ReadableBytes || !(etherType.SequenceEqual((byte[])[8, 0]) || (etherType.SequenceEqual((byte[])[0x86, 0xDD]) && frame.Length >= EthernetBytes + Ip6Bytes + ReadableBytes)))
        {
            return [];
        }

        byte[] packet = frame[EthernetBytes..];
        return Protocol(packet) is IpIp or Ipv6InIp ? packet[IpBytes(packet)..] : packet;
    }

    public static byte Protocol(byte[] packet) => packet[IsV6(packet) ? 6 : 9];

    /// <summary>TTL or hop limit.</summary>
    public static byte Ttl(byte[] packet) => packet[IsV6(packet) ? 7 : 8];

    /// <summary>Flags of a TCP segment.</summary>
    public static byte Flags(byte[] packet) => packet[IpBytes(packet) + 13];

    public static string Source(byte[] packet) => new IPAddress(IsV6(packet) ? packet.AsSpan(8, 16) : packet.AsSpan(12, 4)).ToString();

    public static string Destination(byte[] packet) => new IPAddress(IsV6(packet) ? packet.AsSpan(24, 16) : packet.AsSpan(16, 4)).ToString();

    /// <summary>Source port of TCP and UDP.</summary>
    public static int SourcePort(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(IpBytes(packet)));

    /// <summary>Destination port of TCP and UDP.</summary>
    public static int DestinationPort(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(IpBytes(packet) + 2));

    public static bool IsIcmp(byte[] packet) => Protocol(packet) == (IsV6(packet) ? Icmp6 : Icmp4);

    /// <summary>What an ICMP message is.</summary>
    public static IcmpKind Kind(byte[] packet)
    {
        int at = IpBytes(packet);
        return IsIcmp(packet) ? (IsV6(packet) ? s_icmp6 : s_icmp4).FirstOrDefault(k => k.Value == (packet[at], packet[at + 1])).Key : IcmpKind.None;
    }

    /// <summary>It is an ICMP error that has a packet in it.</summary>
    public static bool IsError(byte[] packet) => Kind(packet) is IcmpKind.PortUnreachable or IcmpKind.ProtocolUnreachable or IcmpKind.TooBig or IcmpKind.TimeExceeded;

    /// <summary>Identifier of an echo request or reply.</summary>
    public static int EchoIdentifier(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(IpBytes(packet) + 4));

    /// <summary>What an ICMP error says that fits.</summary>
    public static int Mtu(byte[] packet) => BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(IpBytes(packet) + 6));

    /// <summary>What an ICMP error quotes.</summary>
    public static byte[] Quoted(byte[] packet) => packet[(IpBytes(packet) + IcmpBytes)..];

    /// <summary>The IPv4 header's sum and that of the ICMP message, if it is one, are right.</summary>
    public static bool HasRightSums(byte[] packet)
    {
        int length = IsV6(packet) ? Ip6Bytes + BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(4)) : BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2));
        byte[] payload = packet[IpBytes(packet)..length];
        return (IsV6(packet) || Sum(packet.AsSpan(0, Ip4Bytes)) == 0) && (!IsIcmp(packet) || Sum([.. Pseudo(packet, Protocol(packet), payload.Length), .. payload]) == 0);
    }

    /// <summary>A header, and the payload as it is.</summary>
    public static byte[] Ip(string source, string destination, byte protocol, byte[] payload, byte ttl)
    {
        byte[] from = IPAddress.Parse(source).GetAddressBytes(), to = IPAddress.Parse(destination).GetAddressBytes();
        return [.. from.Length == 4 ? Header4(from, to, protocol, payload.Length, ttl) : Header6(from, to, protocol, payload.Length, ttl), .. payload];
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

    private static bool IsV6(byte[] packet) => packet[0] >> 4 == 6;

    private static int IpBytes(byte[] packet) => IsV6(packet) ? Ip6Bytes : Ip4Bytes;

    private static byte[] Header4(byte[] from, byte[] to, byte protocol, int payloadBytes, byte ttl)
    {
        int length = Ip4Bytes + payloadBytes;
        byte[] header = [0x45, 0, (byte)(length >> 8), (byte)length, 0, 0, 0x40, 0, ttl, protocol, 0, 0, .. from, .. to];   // don't fragment
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), Sum(header));
        return header;
    }

    private static byte[] Header6(byte[] from, byte[] to, byte protocol, int payloadBytes, byte hopLimit) =>
        [0x60, 0, 0, 0, (byte)(payloadBytes >> 8), (byte)payloadBytes, protocol, hopLimit, .. from, .. to];

    private static byte[] Ip(string source, string destination, byte protocol, byte[] payload, byte ttl, int checksumAt)
    {
        byte[] packet = Ip(source, destination, protocol, payload, ttl);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(IpBytes(packet) + checksumAt), Sum([.. Pseudo(packet, protocol, payload.Length), .. payload]));
        return packet;
    }

    private static byte[] Icmp(string source, string destination, IcmpKind kind, byte[] rest)
    {
        bool v6 = destination.Contains(':', StringComparison.Ordinal);
        (byte type, byte code) = (v6 ? s_icmp6 : s_icmp4)[kind];
        return Ip(source, destination, v6 ? Icmp6 : Icmp4, [type, code, 0, 0, .. rest], 64, checksumAt: 2);
    }

    /// <summary>The pseudo-header of a packet's transport (RFC 9293 section 3.1, RFC 8200 section 8.1; ICMP has none in IPv4).</summary>
    private static byte[] Pseudo(byte[] packet, byte protocol, int bytes) => protocol == Icmp4 ? [] : [.. IsV6(packet) ? packet[8..40] : packet[12..20], 0, protocol, (byte)(bytes >> 8), (byte)bytes];

    private static void Ports(byte[] transport, int source, int destination)
    {
        BinaryPrimitives.WriteUInt16BigEndian(transport, (ushort)source);
        BinaryPrimitives.WriteUInt16BigEndian(transport.AsSpan(2), (ushort)destination);
    }

    private static byte[] Mac(string mac) => [.. mac.Split(':').Select(b => Convert.ToByte(b, 16))];
}
