using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>Changes of TCP segments (RFC 9293). Checksums follow incrementally (RFC 1624), so that a wrong one stays wrong.</summary>
internal static unsafe class Tcp
{
    private const byte EndOfOptions = 0, NoOperation = 1, MaximumSegmentSize = 2, MaximumSegmentSizeBytes = 4, SelectiveAcknowledgment = 5;

    /// <summary>Bytes of the header with its options.</summary>
    public static int HeaderBytes(byte* l4) => (l4[12] >> 4) * 4;

    /// <summary>Sequence number, acknowledgment number.</summary>
    public static uint Sequence(byte* l4) => BinaryPrimitives.ReverseEndianness(*(uint*)(l4 + 4));

    /// <inheritdoc cref="Sequence"/>
    public static uint Acknowledgment(byte* l4) => BinaryPrimitives.ReverseEndianness(*(uint*)(l4 + 8));

    /// <summary>Writes the sequence number.</summary>
    public static void SetSequence(byte* l4, uint number) => Set(l4, 4, number);

    /// <summary>Writes the acknowledgment number.</summary>
    public static void SetAcknowledgment(byte* l4, uint number) => Set(l4, 8, number);

    /// <summary>Moves the urgent pointer, which counts from the segment's first byte on.</summary>
    public static void MoveUrgent(byte* l4, uint bytes)
    {
        ushort old = *(ushort*)(l4 + 18), moved = Wire.Swap((ushort)Math.Min(ushort.MaxValue, Wire.Swap(old) + bytes));
        *(ushort*)(l4 + 18) = moved;
        AddToChecksum(l4, (ushort)~old + (ulong)moved);
    }

    /// <summary>Takes bytes off each edge of a SACK option's blocks (RFC 2018 section 3).</summary>
    public static void LowerSack(byte* l4, uint bytes)
    {
        byte* option = Find(l4, SelectiveAcknowledgment);
        if (option == null)
        {
            return;
        }

        for (int at = 2; at + 4 <= option[1]; at += 4)
        {
            byte* edge = option + at;
            Set(l4, (int)(edge - l4), BinaryPrimitives.ReverseEndianness(*(uint*)edge) - bytes);
        }
    }

    /// <summary>Makes the maximum segment size of a SYN smaller: at most so many bytes, and then less by some.</summary>
    public static void LowerSegmentSize(byte* l4, uint bytesMax, uint lessBytes)
    {
        byte* option = Find(l4, MaximumSegmentSize);
        if (option == null || option[1] != MaximumSegmentSizeBytes)
        {
            return;
        }

        uint bytes = Math.Min(BinaryPrimitives.ReverseEndianness(*(ushort*)(option + 2)), bytesMax);
        if (bytes > 2 * lessBytes)
        {
            ushort old = *(ushort*)(option + 2), lowered = Wire.Swap((ushort)(bytes - lessBytes));
            *(ushort*)(option + 2) = lowered;
            AddToChecksum(l4, Aligned((ushort)~old + (ulong)lowered, (int)(option - l4)));
        }
    }

    /// <summary>Takes the data off a segment. Returns how many bytes that were.</summary>
    public static uint Empty(byte* ip, byte* l4, uint ipBytes)
    {
        byte* data = l4 + HeaderBytes(l4);
        int bytes = (int)(ip + ipBytes - data);
        if (bytes != 0)
        {
            Grow(ip, l4, -bytes, (ushort)Checksum.Fold(Checksum.Sum(data, bytes)));
        }

        return (uint)bytes;
    }

    /// <summary>The IP packet has more bytes, or (less than 0) fewer; <paramref name="sum"/> is that of the new ones or the complement of the old ones'.</summary>
    public static void Grow(byte* ip, byte* l4, int bytes, ulong sum)
    {
        AddToChecksum(l4, sum + IpHeader.Grow(ip, bytes)); // the pseudo-header's length changes by as much
    }

    private static void Set(byte* l4, int at, uint number)
    {
        uint old = ~*(uint*)(l4 + at), changed = BinaryPrimitives.ReverseEndianness(number);
        *(uint*)(l4 + at) = changed;
        AddToChecksum(l4, Aligned((old & 0xFFFF) + (old >> 16) + (ulong)(changed & 0xFFFF) + (changed >> 16), at));
    }

    /// <summary>What a change adds to a sum whose words begin at even places (RFC 1071 section 2 (B)).</summary>
    private static ulong Aligned(ulong sum, int at) => (at & 1) == 0 ? sum : Wire.Swap((ushort)~Checksum.Fold(sum));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddToChecksum(byte* l4, ulong sum) =>
        *(ushort*)(l4 + Wire.TcpChecksumOffset) = Checksum.Fold((ushort)~*(ushort*)(l4 + Wire.TcpChecksumOffset) + sum);

    /// <summary>An option that lies whole in the header, or null.</summary>
    private static byte* Find(byte* l4, byte kind)
    {
        byte* end = l4 + HeaderBytes(l4);
        for (byte* at = l4 + Wire.TcpBytes; at < end && *at != EndOfOptions; at += *at == NoOperation ? 1 : at[1])
        {
            if (*at != NoOperation && (at + 2 > end || at[1] < 2 || at + at[1] > end))
            {
                return null;
            }

            if (*at == kind)
            {
                return at;
            }
        }

        return null;
    }
}
