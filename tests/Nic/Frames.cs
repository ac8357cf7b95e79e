using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;

namespace Forwarder.Nic.Tests;

/// <summary>Frames as the wire has them.</summary>
public static class Frames
{
    private const int EthernetBytes = 14, Ipv4Bytes = 20, TcpBytes = 20, UdpBytes = 8;
    private const byte Tcp = 6, Udp = 17;

    /// <summary>TCP flags.</summary>
    public const byte Syn = 0x02, Reset = 0x04;

    /// <summary>A TCP segment with text in it and a checksum that is deliberately wrong: who forwards it must not repair it.</summary>
    public static byte[] Segment(string destinationMac, string sourceMac, string source, string destination, ushort sourcePort, byte flags = Syn, bool goodHeaderChecksum = true)
    {
        byte[] frame = Ipv4(destinationMac, sourceMac, source, destination, Tcp, TcpBytes + 40, goodHeaderChecksum);
        Span<byte> tcp = frame.AsSpan(EthernetBytes + Ipv4Bytes);
        BinaryPrimitives.WriteUInt16BigEndian(tcp, sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[2..], 80);
        tcp[12] = (TcpBytes / 4) << 4;
        tcp[13] = flags;
        BinaryPrimitives.WriteUInt16BigEndian(tcp[14..], 65535);
        BinaryPrimitives.WriteUInt16BigEndian(tcp[16..], 0xBAD5);
        tcp[TcpBytes..].Fill((byte)'x');
        return frame;
    }

    /// <summary>A UDP datagram.</summary>
    public static byte[] Datagram(string destinationMac, string sourceMac, string source, string destination)
    {
        byte[] frame = Ipv4(destinationMac, sourceMac, source, destination, Udp, UdpBytes + 40, goodHeaderChecksum: true);
        Span<byte> udp = frame.AsSpan(EthernetBytes + Ipv4Bytes);
        BinaryPrimitives.WriteUInt16BigEndian(udp, 4000);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], 4001);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], UdpBytes + 40);
        return frame;
    }

    private static byte[] Ipv4(string destinationMac, string sourceMac, string source, string destination, byte protocol, int payloadBytes, bool goodHeaderChecksum)
    {
        byte[] frame = new byte[EthernetBytes + Ipv4Bytes + payloadBytes];
        PhysicalAddress.Parse(destinationMac).GetAddressBytes().CopyTo(frame, 0);
        PhysicalAddress.Parse(sourceMac).GetAddressBytes().CopyTo(frame, 6);
        frame[12] = 0x08;
        Span<byte> ip = frame.AsSpan(EthernetBytes);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(Ipv4Bytes + payloadBytes));
        (ip[8], ip[9]) = (64, protocol);
        IPAddress.Parse(source).GetAddressBytes().CopyTo(ip[12..]);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(ip[16..]);
        ushort checksum = Checksum(ip[..Ipv4Bytes]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], goodHeaderChecksum ? checksum : (ushort)(checksum ^ 0x5555));
        return frame;
    }

    /// <summary>The Internet checksum (RFC 1071).</summary>
    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}
