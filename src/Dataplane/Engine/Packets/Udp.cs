namespace Forwarder.Engine;

/// <summary>Changes of datagrams (RFC 768), as <see cref="Tcp"/>.</summary>
internal static unsafe class Udp
{
    /// <summary>The IP packet and the datagram have more bytes; <paramref name="sum"/> is that of the new ones.</summary>
    public static void Grow(byte* ip, byte* l4, int bytes, ulong sum)
    {
        ulong delta = IpHeader.Grow(ip, bytes);
        *(ushort*)(l4 + 4) = Wire.Swap((ushort)(Wire.Swap(*(ushort*)(l4 + 4)) + bytes));
        ushort old = *(ushort*)(l4 + Wire.UdpChecksumOffset);
        if (old != 0) // 0 means none and stays
        {
            *(ushort*)(l4 + Wire.UdpChecksumOffset) = Checksum.FoldUdp((ushort)~old + sum + (2 * delta)); // the datagram's length and the pseudo-header's
        }
    }
}
