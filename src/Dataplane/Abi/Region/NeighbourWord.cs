namespace Forwarder.Abi;

/// <summary>
/// What workers need to send to a next hop, in 64 bits, so that it is read and replaced whole without a lock:
/// bits 0-47 the MAC address in the order of its bytes in memory (first byte lowest), 48-51 <see cref="NeighbourState"/>,
/// 56-63 the egress port. Written by housekeeping only.
/// </summary>
public static class NeighbourWord
{
    /// <summary>Mask of the MAC address.</summary>
    public const ulong MacMask = 0x0000_FFFF_FFFF_FFFF;

    /// <summary>Packs a word.</summary>
    public static ulong Pack(ulong mac, NeighbourState state, int port) =>
        (mac & MacMask) | ((ulong)state << 48) | ((ulong)(byte)port << 56);

    /// <summary>The MAC address, first byte lowest.</summary>
    public static ulong Mac(ulong word) => word & MacMask;

    /// <summary>The state.</summary>
    public static NeighbourState State(ulong word) => (NeighbourState)((word >> 48) & 0xF);

    /// <summary>The egress port's index.</summary>
    public static int Port(ulong word) => (int)(word >> 56);

    /// <summary>Whether a packet can be sent with this word (reachable or stale).</summary>
    public static bool IsUsable(ulong word) => (word & (2UL << 48)) != 0;
}
