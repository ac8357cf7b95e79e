using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>The Internet checksum (RFC 1071).</summary>
public static unsafe class Checksum
{
    /// <summary>Sum of 16-bit words as loaded, not yet folded.</summary>
    public static ulong Sum(byte* data, int bytes, ulong sum = 0)
    {
        // Wider words sum up the same in one's complement (RFC 1071 section 2 (B)).
        for (; bytes >= 4; data += 4, bytes -= 4)
        {
            sum += *(uint*)data;
        }

        for (; bytes >= 2; data += 2, bytes -= 2)
        {
            sum += *(ushort*)data;
        }

        return bytes == 1 ? sum + *data : sum;
    }

    /// <summary>Folds and complements: what goes into the field, as loaded. 0 over data whose checksum is right.</summary>
    public static ushort Fold(ulong sum)
    {
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)~sum;
    }

    /// <summary>As <see cref="Fold(ulong)"/> of a sum that is not longer: two steps are enough.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Fold(uint sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }

    /// <summary>As <see cref="Fold(uint)"/> for UDP, where 0 would mean that there is no checksum (RFC 768).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort FoldUdp(uint sum)
    {
        ushort folded = Fold(sum);
        return folded == 0 ? (ushort)0xFFFF : folded;
    }

    /// <inheritdoc cref="FoldUdp(uint)"/>
    public static ushort FoldUdp(ulong sum)
    {
        ushort folded = Fold(sum);
        return folded == 0 ? (ushort)0xFFFF : folded;
    }

    /// <summary>Sum of the IPv4 pseudo-header (RFC 9293 section 3.1) of a packet at <paramref name="ip"/>.</summary>
    public static ulong PseudoHeader4(byte* ip, int payloadBytes, byte protocol) =>
        Sum(ip + 12, 8) + BinaryPrimitives.ReverseEndianness((ushort)payloadBytes) + BinaryPrimitives.ReverseEndianness((ushort)protocol);

    /// <summary>Sum of the IPv6 pseudo-header (RFC 8200 section 8.1) of a packet at <paramref name="ip"/>.</summary>
    public static ulong PseudoHeader6(byte* ip, int payloadBytes, byte nextHeader) =>
        Sum(ip + 8, 32) + BinaryPrimitives.ReverseEndianness((ushort)payloadBytes) + BinaryPrimitives.ReverseEndianness((ushort)nextHeader);
}
