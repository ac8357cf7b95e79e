using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>Changes of TCP segments (RFC 9293). Checksums follow incrementally (RFC 1624), so that a wrong one stays wrong.</summary>
internal static unsafe class Tcp
{
    /// <summary>Most bytes of options (RFC 9293 section 3.1).</summary>
    public const int OptionsBytesMax = 40;

    /// <summary>Kinds of options (RFC 9293 section 3.1, RFC 2018, RFC 7323).</summary>
    private const byte EndOfOptions = 0, NoOperation = 1, MaximumSegmentSize = 2, WindowScale = 3, SelectiveAcknowledgmentPermitted = 4, SelectiveAcknowledgment = 5, Timestamps = 8;

    private const int MaximumSegmentSizeBytes = 4, OffsetAndFlags = 12;

    /// <summary>Bytes of the header with its options.</summary>
    public static int HeaderBytes(byte* l4) => (l4[OffsetAndFlags] >> 4) * 4;

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

    /// <summary>Makes the maximum segment size of a SYN smaller: at most what a path takes, and then less by some bytes.</summary>
    public static void LowerSegmentSize(byte* l4, int ipVersion, uint mtuBytes, uint lessBytes)
    {
        // IP and TCP header without options are what it does not count (RFC 9293 section 3.7.1).
        uint bytesMax = mtuBytes - (uint)((ipVersion == 4 ? Wire.Ipv4Bytes : Wire.Ipv6Bytes) + Wire.TcpBytes);
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

    /// <summary>Overwrites all options of a kind. Returns whether there were any.</summary>
    public static bool TryBlank(byte* l4, byte kind)
    {
        byte* options = l4 + Wire.TcpBytes, end = l4 + HeaderBytes(l4), next;
        if (Find(l4, kind) == null)
        {
            return false;
        }

        ushort before = Checksum.Fold(Checksum.Sum(options, (int)(end - options)));
        for (byte* option = OptionAt(options, end); option != null; option = OptionAt(next, end))
        {
            next = option + option[1];
            if (*option == kind)
            {
                new Span<byte>(option, option[1]).Fill(NoOperation);
            }
        }

        AddToChecksum(l4, before + Checksum.Sum(options, (int)(end - options)));
        return true;
    }

    /// <summary>Copies those options that two hosts agree on in their SYNs, timestamps included, as far as there is room. Returns their bytes, a multiple of four.</summary>
    public static int CopyAgreed(byte* l4, byte* to, int roomBytes)
    {
        int bytes = 0;
        byte* end = l4 + HeaderBytes(l4);
        for (byte* option = OptionAt(l4 + Wire.TcpBytes, end); option != null; option = OptionAt(option + option[1], end))
        {
            if (*option is MaximumSegmentSize or WindowScale or SelectiveAcknowledgmentPermitted or Timestamps && bytes + option[1] <= roomBytes)
            {
                new ReadOnlySpan<byte>(option, option[1]).CopyTo(new Span<byte>(to + bytes, option[1]));
                bytes += option[1];
            }
        }

        int padding = -bytes & 3;
        new Span<byte>(to + bytes, padding).Clear(); // end of options
        return bytes + padding;
    }

    /// <summary>Puts options in the place of a segment's own. All headers before them move: mbufs have room in front; the data stays where it is.</summary>
    public static void SetOptions(Burst* burst, int i, byte* ip, byte* l4, byte* options, int bytes)
    {
        int oldBytes = HeaderBytes(l4) - Wire.TcpBytes, more = bytes - oldBytes;
        byte* frame = (byte*)burst->Frame[i], old = l4 + Wire.TcpBytes;
        ulong sum = Checksum.Fold(Checksum.Sum(old, oldBytes)) + Checksum.Sum(options, bytes);
        new ReadOnlySpan<byte>(frame, (int)(old - frame)).CopyTo(new Span<byte>(frame - more, (int)(old - frame)));
        new ReadOnlySpan<byte>(options, bytes).CopyTo(new Span<byte>(old - more, bytes));
        (burst->Frame[i], burst->Length[i]) = ((ulong)(frame - more), (uint)(burst->Length[i] + more));
        burst->Moved |= 1u << i;
        ip -= more;
        l4 -= more;
        sum += (ushort)~*(ushort*)(l4 + OffsetAndFlags);
        l4[OffsetAndFlags] = (byte)(((Wire.TcpBytes + bytes) / 4 << 4) | (l4[OffsetAndFlags] & 0xF));
        Grow(ip, l4, more, sum + *(ushort*)(l4 + OffsetAndFlags));
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

    /// <summary>The first option of a kind, or null.</summary>
    private static byte* Find(byte* l4, byte kind)
    {
        byte* end = l4 + HeaderBytes(l4), option = OptionAt(l4 + Wire.TcpBytes, end);
        while (option != null && *option != kind)
        {
            option = OptionAt(option + option[1], end);
        }

        return option;
    }

    /// <summary>The first option from a place on, if it lies whole in the header; else null: what comes behind is read by nobody.</summary>
    private static byte* OptionAt(byte* at, byte* end)
    {
        while (at < end && *at == NoOperation)
        {
            at++;
        }

        return at + 2 <= end && *at != EndOfOptions && at[1] >= 2 && at + at[1] <= end ? at : null;
    }
}
