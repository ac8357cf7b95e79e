using System.Buffers.Binary;

namespace Forwarder.Vrrp;

/// <summary>The Internet checksum (RFC 1071) as VRRP uses it.</summary>
internal static class VrrpChecksum
{
    /// <summary>One's complement sum over a message of any length, not yet folded.</summary>
    public static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ulong sum = 0;
        while (bytes.Length > 1)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes);
            bytes = bytes[2..];
        }

        return bytes.IsEmpty ? sum : sum + ((ulong)bytes[0] << 8);
    }

    public static ushort Finish(ulong sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~sum;
    }

    /// <summary>Source, destination, length and protocol: RFC 8200 section 8.1, and its IPv4 twin of RFC 9293 section 3.1.</summary>
    public static ulong PseudoHeader(VrrpAddress source, VrrpAddress destination, int length)
    {
        Span<byte> addresses = stackalloc byte[32];
        source.Write(addresses);
        destination.Write(addresses[source.Bytes..]);
        return Sum(addresses[..(source.Bytes + destination.Bytes)]) + (ulong)length + VrrpLimits.IpProtocol;
    }

    /// <summary>Checksum of a message whose checksum field is zero; zero when run over a good message.</summary>
    public static ushort Compute(
        ReadOnlySpan<byte> message, VrrpVersion version, VrrpAddress source, VrrpAddress destination, VrrpChecksumForm form)
    {
        ulong sum = Sum(message);
        if (HasPseudoHeader(version, source.IsIPv6, form))
        {
            sum += PseudoHeader(source, destination, message.Length);
        }

        return Finish(sum);
    }

    private static bool HasPseudoHeader(VrrpVersion version, bool isIPv6, VrrpChecksumForm form) =>
        version == VrrpVersion.V3 && (isIPv6 || form == VrrpChecksumForm.PseudoHeader);
}
