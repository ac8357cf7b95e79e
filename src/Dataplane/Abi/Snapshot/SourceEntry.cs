using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A source address of FullNAT and SNAT, by slot. Slot 0 is never used.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SourceEntry
{
    /// <summary>Size in bytes: two entries per cache line.</summary>
    public const int SizeBytes = 32;
    /// <summary>Bits of <see cref="Incarnation"/> that flows carry.</summary>
    public const int IncarnationBits = 5;
    /// <summary>The address; an IPv4 address is in the low four bytes of <see cref="High"/> as they lie in memory.</summary>
    public ulong High, Low;
    /// <summary>4 or 6.</summary>
    public byte IpVersion;
    /// <summary>1 = in use.</summary>
    public byte Valid;
    /// <summary>Told apart from an earlier user of the same slot; flows carry its lower bits.</summary>
    public byte Incarnation;
}
