using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A prefix of addresses. Addresses and masks as they lie in memory; those of IPv4 are in the low four bytes of the first word.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SnatPrefixEntry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 32;
    /// <summary>First address.</summary>
    public ulong High, Low;
    /// <summary>Bits that count.</summary>
    public ulong MaskHigh, MaskLow;

    /// <summary>Whether an address is one of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Contains(ulong high, ulong low) => (high & MaskHigh) == High && (low & MaskLow) == Low;
}
