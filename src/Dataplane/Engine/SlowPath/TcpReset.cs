using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>The reset that a closed port answers with (RFC 9293 section 3.10.7.1).</summary>
internal static unsafe class TcpReset
{
    private const byte Ttl = 64;

    /// <summary>Whether a segment gets one: a reset does not.</summary>
    public static bool IsOwed(byte* tcp) => (tcp[13] & Wire.Rst) == 0;

    /// <summary>Writes it, from the segment's receiver to its sender; returns its bytes from the IP header on.</summary>
    /// <param name="to">Where: the IP header.</param>
    /// <param name="ip">IP header of the segment, which has been found sound.</param>
    /// <param name="tcp">Its TCP header.</param>
    /// <param name="tcpBytes">Bytes from its TCP header on.</param>
    public static int Make(byte* to, byte* ip, byte* tcp, int tcpBytes)
    {
        bool v4 = (ip[0] >> 4) == 4;
        int headerBytes = v4 ? Wire.Ipv4Bytes : Wire.Ipv6Bytes;
        byte* reset = to + headerBytes;
        new Span<byte>(to, headerBytes + Wire.TcpBytes).Clear();
        *(ushort*)reset = *(ushort*)(tcp + 2);
        *(ushort*)(reset + 2) = *(ushort*)tcp;
        reset[12] = (Wire.TcpBytes / 4) << 4;
        if ((tcp[13] & Wire.Ack) != 0)
        {
            *(uint*)(reset + 4) = *(uint*)(tcp + 8);
            reset[13] = Wire.Rst;
        }
        else
        {
            uint occupied = (uint)(tcpBytes - ((tcp[12] >> 4) * 4)) + ((tcp[13] & Wire.Syn) != 0 ? 1u : 0) + ((tcp[13] & Wire.Fin) != 0 ? 1u : 0);
            *(uint*)(reset + 8) = BinaryPrimitives.ReverseEndianness(BinaryPrimitives.ReverseEndianness(*(uint*)(tcp + 4)) + occupied);
            reset[13] = Wire.Rst | Wire.Ack;
        }

        ulong pseudo = v4 ? Header4(to, ip) : Header6(to, ip);
        *(ushort*)(reset + Wire.TcpChecksumOffset) = Checksum.Fold(Checksum.Sum(reset, Wire.TcpBytes, pseudo));
        return headerBytes + Wire.TcpBytes;
    }

    private static ulong Header4(byte* to, byte* ip)
    {
        *(uint*)to = 0x45u | ((uint)Wire.Swap(Wire.Ipv4Bytes + Wire.TcpBytes) << 16);
        *(uint*)(to + 4) = (uint)Wire.Ipv4DontFragment << 16;
        *(uint*)(to + 8) = Ttl | ((uint)Wire.Tcp << 8);
        *(uint*)(to + 12) = *(uint*)(ip + 16);
        *(uint*)(to + 16) = *(uint*)(ip + 12);
        *(ushort*)(to + 10) = Checksum.Fold(Checksum.Sum(to, Wire.Ipv4Bytes));
        return Checksum.PseudoHeader4(to, Wire.TcpBytes, Wire.Tcp);
    }

    private static ulong Header6(byte* to, byte* ip)
    {
        *(uint*)to = 0x60;
        *(uint*)(to + 4) = Wire.Swap(Wire.TcpBytes) | ((uint)Wire.Tcp << 16) | ((uint)Ttl << 24);
        new ReadOnlySpan<byte>(ip + 24, 16).CopyTo(new Span<byte>(to + 8, 16));
        new ReadOnlySpan<byte>(ip + 8, 16).CopyTo(new Span<byte>(to + 24, 16));
        return Checksum.PseudoHeader6(to, Wire.TcpBytes, Wire.Tcp);
    }
}
