using System.Buffers.Binary;
using System.Net;
using Forwarder.Engine;

namespace Forwarder.TestSupport;

/// <summary>Makes Ethernet frames for tests. Checksums are left 0 where direct routing does not look at them.</summary>
public static class Frames
{
    /// <summary>A TCP segment or UDP datagram from client to VIP.</summary>
    public static byte[] L4(string source, int sourcePort, string destination, int destinationPort, byte protocol = Wire.Tcp, byte tcpFlags = Wire.Ack,
        int payloadBytes = 10, int vlan = 0, ulong destinationMac = 0x010000000002, ulong sourceMac = 0x990000000002)
    {
        bool v6 = destination.Contains(':', StringComparison.Ordinal);
        int l2 = vlan == 0 ? 14 : 18, ip = v6 ? 40 : 20, l4 = protocol == Wire.Tcp ? 20 : 8;
        byte[] frame = new byte[l2 + ip + l4 + payloadBytes];
        Ethernet(frame, destinationMac, sourceMac, vlan, v6 ? 0x86DD : 0x0800);
        Span<byte> header = frame.AsSpan(l2);
        byte[] from = IPAddress.Parse(source).GetAddressBytes(), to = IPAddress.Parse(destination).GetAddressBytes();
        if (v6)
        {
            header[0] = 0x60;
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)(l4 + payloadBytes));
            header[6] = protocol;
            header[7] = 64;
            from.CopyTo(header[8..]);
            to.CopyTo(header[24..]);
        }
        else
        {
            header[0] = 0x45;
            BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(ip + l4 + payloadBytes));
            header[8] = 64;
            header[9] = protocol;
            from.CopyTo(header[12..]);
            to.CopyTo(header[16..]);
        }

        Span<byte> transport = header[ip..];
        BinaryPrimitives.WriteUInt16BigEndian(transport, (ushort)sourcePort);
        BinaryPrimitives.WriteUInt16BigEndian(transport[2..], (ushort)destinationPort);
        if (protocol == Wire.Tcp)
        {
            transport[12] = 0x50;
            transport[13] = tcpFlags;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)(l4 + payloadBytes));
        }

        for (int i = 0; i < payloadBytes; i++)
        {
            transport[l4 + i] = (byte)i;
        }

        return frame;
    }

    /// <summary>The frame of an IP packet.</summary>
    public static byte[] Of(byte[] ip, ulong destinationMac, ulong sourceMac, int vlan = 0)
    {
        int l2 = vlan == 0 ? 14 : 18;
        byte[] frame = [.. new byte[l2], .. ip];
        Ethernet(frame, destinationMac, sourceMac, vlan, ip[0] >> 4 == 4 ? 0x0800 : 0x86DD);
        return frame;
    }

    private static void Ethernet(byte[] frame, ulong destinationMac, ulong sourceMac, int vlan, int etherType)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(frame, destinationMac);
        for (int i = 0; i < 6; i++)
        {
            frame[6 + i] = (byte)(sourceMac >> (8 * i));
        }

        int at = 12;
        if (vlan != 0)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), 0x8100);
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at + 2), (ushort)vlan);
            at += 4;
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), (ushort)etherType);
    }
}
