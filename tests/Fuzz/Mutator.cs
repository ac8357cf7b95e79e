using System.Buffers.Binary;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Changes frames: bits, bytes, lengths, headers put in and taken out, cuts.</summary>
public static class Mutator
{
    private static readonly byte[] s_edges = [0, 1, 4, 5, 6, 0x0F, 0x40, 0x45, 0x46, 0x4F, 0x60, 0x7F, 0x80, 0xFE, 0xFF];
    private static readonly byte[] s_protocols = [0, 1, 6, 17, 43, 44, 50, 51, 58, 59, 60, 132];
    private static readonly ushort[] s_etherTypes = [0x0800, 0x0806, 0x86DD, 0x8100, 0x88A8, 0x88CC];

    /// <summary>A frame of the corpus, changed in up to six places.</summary>
    public static byte[] Next(Random random, int bytesMax)
    {
        byte[] frame = Corpus.Frames[random.Next(Corpus.Frames.Count)].ToArray();
        for (int n = random.Next(7); n > 0; n--)
        {
            frame = Change(random, frame);
        }

        frame = frame.Length > bytesMax ? frame[..bytesMax] : frame;
        if (random.Next(2) == 0)
        {
            SetIcmpChecksum(frame); // or the check of the checksum hides all behind it
        }

        return frame;
    }

    internal static void SetIcmpChecksum(byte[] frame)
    {
        int l3 = frame.Length > 18 && frame[12] == 0x81 ? 18 : 14;
        if (frame.Length < l3 + 44)
        {
            return;
        }

        bool v6 = frame[l3] >> 4 == 6;
        int icmp = l3 + (v6 ? 40 : (frame[l3] & 15) * 4);
        int end = l3 + (v6 ? 40 + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l3 + 4)) : BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l3 + 2)));
        if (frame[l3 + (v6 ? 6 : 9)] != (v6 ? 58 : 1) || end > frame.Length || end < icmp + 4)
        {
            return;
        }

        frame[icmp + 2] = frame[icmp + 3] = 0;
        uint sum = v6 ? Sum(frame.AsSpan(l3 + 8, 32)) + (uint)(end - icmp) + 58 : 0;
        sum += Sum(frame.AsSpan(icmp, end - icmp));
        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(icmp + 2), (ushort)~sum);
    }

    private static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)(bytes[i] << (i % 2 == 0 ? 8 : 0));
        }

        return sum;
    }

    internal static byte[] Change(Random random, byte[] frame)
    {
        if (frame.Length == 0)
        {
            return [(byte)random.Next(256)];
        }

        int at = random.Next(2) == 0 ? random.Next(frame.Length) : random.Next(Math.Min(frame.Length, 80)); // headers more often
        switch (random.Next(11))
        {
            case 0: frame[at] ^= (byte)(1 << random.Next(8)); return frame;
            case 1: frame[at] = (byte)random.Next(256); return frame;
            case 2: frame[at] = s_edges[random.Next(s_edges.Length)]; return frame;
            case 3: return frame[..random.Next(frame.Length + 1)];
            case 4: return [.. frame, .. new byte[random.Next(64)]];
            case 5: return Word(frame, 12, s_etherTypes[random.Next(s_etherTypes.Length)]);
            case 6: return Byte(frame, random.Next(2) == 0 ? 23 : 20, s_protocols[random.Next(s_protocols.Length)]); // protocol, next header
            case 7: return Word(frame, random.Next(2) == 0 ? 16 : 18, (ushort)random.Next(frame.Length + 8)); // total length, payload length
            case 8: return [.. frame[..at], .. new byte[8 * random.Next(1, 4)], .. frame[at..]];
            case 9: return Cut(frame, at);
            default: return [.. frame[..Math.Min(12, frame.Length)], 0x81, 0, (byte)random.Next(256), (byte)random.Next(256), .. frame[Math.Min(12, frame.Length)..]];
        }
    }

    /// <summary>Cuts an untagged frame and makes its IP length fit.</summary>
    private static byte[] Cut(byte[] frame, int at)
    {
        if (at < 54)
        {
            return frame;
        }

        frame = frame[..at];
        return frame[14] >> 4 == 6 ? Word(frame, 18, (ushort)(at - 54)) : Word(frame, 16, (ushort)(at - 14));
    }

    private static byte[] Byte(byte[] frame, int at, byte value)
    {
        if (at < frame.Length)
        {
            frame[at] = value;
        }

        return frame;
    }

    private static byte[] Word(byte[] frame, int at, ushort value)
    {
        if (at + 2 <= frame.Length)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), value);
        }

        return frame;
    }

    /// <summary>An IPv4 packet with options now and then, up to the longest header.</summary>
    public static byte[] WithOptions(Random random, byte[] ip4)
    {
        int words = random.Next(4) == 0 ? random.Next(1, 11) : 0;
        byte[] longer = [(byte)(0x45 + words), .. ip4[1..20], .. Enumerable.Repeat((byte)1, 4 * words), .. ip4[20..]];
        BinaryPrimitives.WriteUInt16BigEndian(longer.AsSpan(2), (ushort)longer.Length);
        return Ip.Finish4(longer);
    }
}
