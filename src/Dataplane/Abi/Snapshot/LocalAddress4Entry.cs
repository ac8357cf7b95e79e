using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>An IPv4 address that the director answers for. Open addressing, linear probing, by <see cref="Hashes.Slot"/> of the address.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct LocalAddress4Entry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 12;
    /// <summary>Interface value that stands for all interfaces.</summary>
    public const ushort AnyInterface = 0xFFFF;
    /// <summary>The address, network byte order as in memory.</summary>
    public uint Address;
    /// <summary>Interface that the address belongs to, or <see cref="AnyInterface"/>.</summary>
    public ushort Interface;
    /// <summary><see cref="LocalAddressKind.None"/> marks an empty entry.</summary>
    public LocalAddressKind Kind;
    /// <summary>1 = a VIP that takes no packets itself (RFC 9568 section 6.1, Accept_Mode false): no echo is answered. ARP, ND and services are as ever.</summary>
    public byte AcceptsNone;
    /// <summary>VRRP group of a VIP, 0 = none.</summary>
    public ushort VrrpGroup;
    /// <summary>The director alone answers for it, never the host: a VIP or a source address of FullNAT or SNAT.</summary>
    public readonly bool IsVirtual => Kind >= LocalAddressKind.Vip;
    /// <summary>Slot in <see cref="SectionId.Sources"/> of a <see cref="LocalAddressKind.Source"/>.</summary>
    public ushort Source;
}
