using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>An IPv6 address that the director answers for. Open addressing by <see cref="Hashes.Slot"/> of <see cref="Hashes.Fold"/>(high, low, 0).</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct LocalAddress6Entry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 24;
    /// <summary>First and last eight bytes of the address as they lie in memory.</summary>
    public ulong High, Low;
    /// <summary>Interface that the address belongs to, or <see cref="LocalAddress4Entry.AnyInterface"/>.</summary>
    public ushort Interface;
    /// <summary><see cref="LocalAddressKind.None"/> marks an empty entry.</summary>
    public LocalAddressKind Kind;
    /// <summary>1 = a VIP that takes no packets itself (RFC 9568 section 6.1, Accept_Mode false): no echo is answered. ARP, ND and services are as ever.</summary>
    public byte AcceptsNone;
    /// <summary>VRRP group of a VIP, 0 = none.</summary>
    public ushort VrrpGroup;
    /// <summary>The director alone answers for it, never the host: a VIP or a source address of FullNAT.</summary>
    public readonly bool IsVirtual => Kind >= LocalAddressKind.Vip;
    /// <summary>Slot in <see cref="SectionId.Sources"/> of a <see cref="LocalAddressKind.Source"/>.</summary>
    public ushort Source;
}
