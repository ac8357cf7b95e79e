using System.Buffers.Binary;

namespace Forwarder.Vrrp;

/// <summary>Messages to bytes and back (RFC 9568 section 5.2, RFC 3768 section 5.3).</summary>
public static class VrrpCodec
{
    private const byte TypeAdvertisement = 1;
    private const int ChecksumAt = 6;

    /// <summary>Bytes of the message without IP header.</summary>
    public static int MessageBytes(VrrpVersion version, int addressCount, bool isIPv6) =>
        VrrpLimits.HeaderBytes
        + (addressCount * VrrpAddress.SizeOf(isIPv6))
        + (version == VrrpVersion.V2 ? VrrpLimits.AuthBytes : 0);

    /// <summary>Writes the message and returns its length; <paramref name="destination"/> must hold <see cref="MessageBytes"/>.</summary>
    public static int Encode(
        Span<byte> destination, in VrrpAdvert advert, VrrpAddress source, VrrpAddress target, VrrpChecksumForm form)
    {
        int length = MessageBytes(advert.Version, advert.Addresses.Count, source.IsIPv6);
        Span<byte> message = destination[..length];
        message.Clear();
        message[0] = (byte)(((int)advert.Version << 4) | TypeAdvertisement);
        message[1] = advert.Vrid;
        message[2] = advert.Priority;
        message[3] = (byte)advert.Addresses.Count;
        WriteInterval(message, advert);
        int at = WriteAddresses(message, advert.Addresses);
        if (advert.Version == VrrpVersion.V2 && advert.AuthType == VrrpAuthType.SimpleText)
        {
            advert.AuthData.Span.CopyTo(message[at..]);
        }

        ushort checksum = VrrpChecksum.Compute(message, advert.Version, source, target, form);
        BinaryPrimitives.WriteUInt16BigEndian(message[ChecksumAt..], checksum);
        return length;
    }

    /// <summary>
    /// Checks what can be checked without configuration, in the order of RFC 9568 section 7.1: TTL, version, type,
    /// length, checksum. Never throws, whatever the bytes.
    /// </summary>
    /// <param name="datagram">Received message with its addresses and TTL.</param>
    /// <param name="form">Configured checksum of version 3 over IPv4.</param>
    /// <param name="minTtl">255, or less for unicast peers behind routers.</param>
    /// <param name="advert">The message, when the answer is <see cref="VrrpDecodeError.None"/>.</param>
    public static VrrpDecodeError Decode(
        in VrrpDatagram datagram, VrrpChecksumForm form, byte minTtl, out VrrpAdvertView advert)
    {
        advert = default;
        ReadOnlySpan<byte> message = datagram.Message;
        if (datagram.Ttl < minTtl)
        {
            return VrrpDecodeError.BadTtl;
        }

        if (message.Length < VrrpLimits.HeaderBytes)
        {
            return VrrpDecodeError.BadLength;
        }

        VrrpDecodeError error = CheckHead(message, datagram.Source.IsIPv6);
        if (error == VrrpDecodeError.None)
        {
            error = CheckSum(datagram, form);
        }

        if (error == VrrpDecodeError.None)
        {
            advert = new VrrpAdvertView(message, datagram.Source.IsIPv6);
        }

        return error;
    }

    private static VrrpDecodeError CheckHead(ReadOnlySpan<byte> message, bool isIPv6)
    {
        var version = (VrrpVersion)(message[0] >> 4);
        bool versionGood = version == VrrpVersion.V3 || (version == VrrpVersion.V2 && !isIPv6);
        if (!versionGood)
        {
            return VrrpDecodeError.BadVersion;
        }

        if ((message[0] & 0x0F) != TypeAdvertisement)
        {
            return VrrpDecodeError.BadType;
        }

        return message.Length == MessageBytes(version, message[3], isIPv6)
            ? VrrpDecodeError.None
            : VrrpDecodeError.BadLength;
    }

    private static VrrpDecodeError CheckSum(in VrrpDatagram datagram, VrrpChecksumForm form)
    {
        var version = (VrrpVersion)(datagram.Message[0] >> 4);
        if (VrrpChecksum.Compute(datagram.Message, version, datagram.Source, datagram.Destination, form) == 0)
        {
            return VrrpDecodeError.None;
        }

        VrrpChecksumForm other = form == VrrpChecksumForm.PseudoHeader
            ? VrrpChecksumForm.MessageOnly
            : VrrpChecksumForm.PseudoHeader;
        return VrrpChecksum.Compute(datagram.Message, version, datagram.Source, datagram.Destination, other) == 0
            ? VrrpDecodeError.ChecksumFormMismatch
            : VrrpDecodeError.BadChecksum;
    }

    private static void WriteInterval(Span<byte> message, in VrrpAdvert advert)
    {
        if (advert.Version == VrrpVersion.V2)
        {
            int seconds = (advert.IntervalCs + VrrpLimits.CentisecondsPerSecond - 1) / VrrpLimits.CentisecondsPerSecond;
            message[4] = (byte)advert.AuthType;
            message[5] = (byte)seconds;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(message[4..], (ushort)(advert.IntervalCs & VrrpLimits.IntervalMaxCs));
        }
    }

    private static int WriteAddresses(Span<byte> message, IReadOnlyList<VrrpAddress> addresses)
    {
        int at = VrrpLimits.HeaderBytes;
        for (int i = 0; i < addresses.Count; i++)
        {
            addresses[i].Write(message[at..]);
            at += addresses[i].Bytes;
        }

        return at;
    }
}
