using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>The reset that a closed port answers with (RFC 9293 section 3.10.7.1).</summary>
internal static unsafe class TcpReset
{
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
        byte* reset = v4
            ? IpHeader.Write4(to, Wire.TcpBytes, Wire.Tcp, *(uint*)(ip + 16), *(uint*)(ip + 12))
            : IpHeader.Write6(to, Wire.TcpBytes, Wire.Tcp, *(ulong*)(ip + 24), *(ulong*)(ip + 32), *(ulong*)(ip + 8), *(ulong*)(ip + 16));
        new Span<byte>(reset, Wire.TcpBytes).Clear();
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

        ulong pseudo = v4 ? Checksum.PseudoHeader4(to, Wire.TcpBytes, Wire.Tcp) : Checksum.PseudoHeader6(to, Wire.TcpBytes, Wire.Tcp);
        *(ushort*)(reset + Wire.TcpChecksumOffset) = Checksum.Fold(Checksum.Sum(reset, Wire.TcpBytes, pseudo));
        return (int)(reset - to) + Wire.TcpBytes;
    }
}
