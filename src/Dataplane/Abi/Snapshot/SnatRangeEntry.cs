using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>Addresses from this one on up to the next entry's, and the rules of SNAT that name them.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SnatRangeEntry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 24;
    /// <summary>First address as a number, the upper half first; one of IPv4 is in the lower half.</summary>
    public ulong High, Low;
    /// <summary>Index in <see cref="SectionId.SnatSets"/>.</summary>
    public uint Set;
}
