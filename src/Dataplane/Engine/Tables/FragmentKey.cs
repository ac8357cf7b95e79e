namespace Forwarder.Engine;

/// <summary>What names a fragmented datagram, see <see cref="FragmentEntry"/>.</summary>
public readonly unsafe ref struct FragmentKey
{
    /// <summary>As in <see cref="FragmentEntry"/>.</summary>
    public readonly ulong SourceHigh, SourceLow, DestinationHigh, DestinationLow, Rest;

    private FragmentKey(ulong sourceHigh, ulong sourceLow, ulong destinationHigh, ulong destinationLow, ulong rest)
    {
        (SourceHigh, SourceLow, DestinationHigh, DestinationLow, Rest) = (sourceHigh, sourceLow, destinationHigh, destinationLow, rest);
    }

    /// <summary>Of an IPv4 packet.</summary>
    public static FragmentKey Of4(byte* ip) =>
        new(*(uint*)(ip + 12), 0, *(uint*)(ip + 16), 0, *(ushort*)(ip + 4) | ((ulong)ip[9] << 32) | (4UL << 40));

    /// <summary>Of an IPv6 packet.</summary>
    public static FragmentKey Of6(byte* ip, uint identification) =>
        new(*(ulong*)(ip + 8), *(ulong*)(ip + 16), *(ulong*)(ip + 24), *(ulong*)(ip + 32), identification | (6UL << 40));
}
