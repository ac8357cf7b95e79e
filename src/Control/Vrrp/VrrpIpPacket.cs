using System.Buffers.Binary;

namespace Forwarder.Vrrp;

/// <summary>Whole IP packets around a message (RFC 9568 sections 5.1.1 and 5.1.2).</summary>
public static class VrrpIpPacket
{
    /// <summary>CS6, internetwork control, as routers send it.</summary>
    private const byte TrafficClass = 0xC0;

    private const ushort MoreFragmentsOrOffset = 0x3FFF;

    public static int HeaderBytes(bool isIPv6) => isIPv6 ? VrrpLimits.IPv6HeaderBytes : VrrpLimits.IPv4HeaderBytes;

    /// <summary>Bytes of IP header and message.</summary>
    public static int PacketBytes(VrrpVersion version, int addressCount, bool isIPv6) =>
        HeaderBytes(isIPv6) + VrrpCodec.MessageBytes(version, addressCount, isIPv6);

    /// <summary>Writes IP header and message and returns the length of both.</summary>
    /// <param name="packet">Room for <see cref="PacketBytes"/>.</param>
    /// <param name="advert">What to say.</param>
    /// <param name="source">Primary address of the interface; link-local for IPv6.</param>
    /// <param name="target">The group address or a unicast peer.</param>
    /// <param name="form">Checksum of version 3 over IPv4.</param>
    /// <param name="identification">IPv4 Identification; not used for IPv6.</param>
    public static int Build(
        Span<byte> packet, in VrrpAdvert advert, VrrpAddress source, VrrpAddress target, VrrpChecksumForm form, ushort identification)
    {
        int headerBytes = HeaderBytes(source.IsIPv6);
        int messageBytes = VrrpCodec.Encode(packet[headerBytes..], advert, source, target, form);
        Span<byte> header = packet[..headerBytes];
        header.Clear();
        if (source.IsIPv6)
        {
            WriteIPv6(header, source, target, messageBytes);
        }
        else
        {
            WriteIPv4(header, source, target, messageBytes, identification);
        }

        return headerBytes + messageBytes;
    }

    /// <summary>Takes the IP header off. Padding after the packet is ignored. Never throws, whatever the bytes.</summary>
    public static VrrpDecodeError Parse(ReadOnlySpan<byte> packet, out VrrpDatagram datagram)
    {
        datagram = default;
        if (packet.IsEmpty)
        {
            return VrrpDecodeError.BadIpHeader;
        }

        return (packet[0] >> 4) switch
        {
            4 => ParseIPv4(packet, out datagram),
            6 => ParseIPv6(packet, out datagram),
            _ => VrrpDecodeError.BadIpHeader,
        };
    }

    private static void WriteIPv4(Span<byte> header, VrrpAddress source, VrrpAddress target, int messageBytes, ushort identification)
    {
        header[0] = 0x45;
        header[1] = TrafficClass;
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)(header.Length + messageBytes));
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], identification);
        header[8] = VrrpLimits.Ttl;
        header[9] = VrrpLimits.IpProtocol;
        source.Write(header[12..]);
        target.Write(header[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(header[10..], VrrpChecksum.Finish(VrrpChecksum.Sum(header)));
    }

    private static void WriteIPv6(Span<byte> header, VrrpAddress source, VrrpAddress target, int messageBytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, (6u << 28) | ((uint)TrafficClass << 20));
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], (ushort)messageBytes);
        header[6] = VrrpLimits.IpProtocol;
        header[7] = VrrpLimits.Ttl;
        source.Write(header[8..]);
        target.Write(header[24..]);
    }

    private static VrrpDecodeError ParseIPv4(ReadOnlySpan<byte> packet, out VrrpDatagram datagram)
    {
        datagram = default;
        int headerBytes = (packet[0] & 0x0F) * 4;
        if (headerBytes < VrrpLimits.IPv4HeaderBytes || packet.Length < headerBytes)
        {
            return VrrpDecodeError.BadIpHeader;
        }

        int totalBytes = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
        bool fragment = (BinaryPrimitives.ReadUInt16BigEndian(packet[6..]) & MoreFragmentsOrOffset) != 0;
        bool sumGood = VrrpChecksum.Finish(VrrpChecksum.Sum(packet[..headerBytes])) == 0;
        if (totalBytes < headerBytes || totalBytes > packet.Length || fragment || !sumGood)
        {
            return VrrpDecodeError.BadIpHeader;
        }

        if (packet[9] != VrrpLimits.IpProtocol)
        {
            return VrrpDecodeError.NotVrrp;
        }

        datagram = new VrrpDatagram(
            VrrpAddress.Read(packet[12..], false),
            VrrpAddress.Read(packet[16..], false),
            packet[8],
            packet[headerBytes..totalBytes]);
        return VrrpDecodeError.None;
    }

    private static VrrpDecodeError ParseIPv6(ReadOnlySpan<byte> packet, out VrrpDatagram datagram)
    {
        datagram = default;
        if (packet.Length < VrrpLimits.IPv6HeaderBytes)
        {
            return VrrpDecodeError.BadIpHeader;
        }

        int endsAt = VrrpLimits.IPv6HeaderBytes + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
        if (endsAt > packet.Length)
        {
            return VrrpDecodeError.BadIpHeader;
        }

        if (packet[6] != VrrpLimits.IpProtocol)
        {
            return VrrpDecodeError.NotVrrp;
        }

        datagram = new VrrpDatagram(
            VrrpAddress.Read(packet[8..], true),
            VrrpAddress.Read(packet[24..], true),
            packet[7],
            packet[VrrpLimits.IPv6HeaderBytes..endsAt]);
        return VrrpDecodeError.None;
    }
}
