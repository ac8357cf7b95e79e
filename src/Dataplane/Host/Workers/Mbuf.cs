using System.Runtime.CompilerServices;

namespace Forwarder.Dataplane;

/// <summary>Fields of DPDK's rte_mbuf that workers touch. The offsets are checked against the shim's at start.</summary>
public static unsafe class Mbuf
{
    /// <summary>Offsets in bytes.</summary>
    public const int BufferAddressOffset = 0, DataOffsetOffset = 16, SegmentCountOffset = 20, FlagsOffset = 24, PacketLengthOffset = 36, DataLengthOffset = 40;

    /// <summary>RTE_MBUF_F_RX_IP_CKSUM_BAD and the mask of the IP checksum's result.</summary>
    public const ulong IpChecksumBad = 1UL << 4, IpChecksumMask = (1UL << 4) | (1UL << 7);

    /// <summary>First byte of the frame.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte* Frame(ulong mbuf) => *(byte**)(mbuf + BufferAddressOffset) + *(ushort*)(mbuf + DataOffsetOffset);

    /// <summary>Bytes of the frame in the first segment.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Length(ulong mbuf) => *(ushort*)(mbuf + DataLengthOffset);

    /// <summary>Segments.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SegmentCount(ulong mbuf) => *(ushort*)(mbuf + SegmentCountOffset);

    /// <summary>1 if the port found the IPv4 header checksum wrong.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte IsIpChecksumBad(ulong mbuf) => (*(ulong*)(mbuf + FlagsOffset) & IpChecksumMask) == IpChecksumBad ? (byte)1 : (byte)0;

    /// <summary>Tells the mbuf where its frame starts now and how long it is (one segment).</summary>
    public static void SetFrame(ulong mbuf, byte* frame, uint length)
    {
        *(ushort*)(mbuf + DataOffsetOffset) = (ushort)(frame - *(byte**)(mbuf + BufferAddressOffset));
        *(ushort*)(mbuf + DataLengthOffset) = (ushort)length;
        *(uint*)(mbuf + PacketLengthOffset) = length;
    }
}
