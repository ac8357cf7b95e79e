using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// A virtual router MAC address (RFC 9568 section 7.3) on a port and VLAN. Open addressing, linear probing, by
/// <see cref="Hashes.Slot"/> of the key.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct VirtualMacEntry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 16;

    private const int VlanShift = 48, PortShift = 60;
    private const ulong MacMask = 0x0000_FFFF_FFFF_FFFF, PrefixMask = 0xFFFF_FFFF, Prefix = 0x005E_0000;

    /// <summary>See <see cref="MakeKey"/>; 0 marks an empty entry.</summary>
    public ulong Key;
    /// <summary>VRRP group whose owner has the address; never 0 in an entry that is used.</summary>
    public uint VrrpGroup;
    /// <summary>Padding.</summary>
    public uint Reserved;

    /// <summary>MAC address (first byte lowest), VLAN id (0 = untagged) and port in one number.</summary>
    public static ulong MakeKey(ulong mac, uint vlan, uint port) => mac | ((ulong)vlan << VlanShift) | ((ulong)port << PortShift);

    /// <summary>The virtual router MAC address 00-00-5E-00-01-{VRID}, or -02- for IPv6; first byte lowest.</summary>
    public static ulong MakeMac(byte vrid, bool isIPv6) => Prefix | (isIPv6 ? 2UL << 32 : 1UL << 32) | ((ulong)vrid << 40);

    /// <summary>MAC address, first byte lowest.</summary>
    public readonly ulong Mac => Key & MacMask;

    /// <summary>VLAN id, 0 = untagged.</summary>
    public readonly uint Vlan => (uint)(Key >> VlanShift) & 0xFFF;

    /// <summary>Index of the port.</summary>
    public readonly uint Port => (uint)(Key >> PortShift);

    /// <summary>Whether the address is one that RFC 9568 gives to virtual routers.</summary>
    public readonly bool IsVirtualRouterMac => (Key & PrefixMask) == Prefix && ((Key >> 32) & 0xFF) is 1 or 2 && ((Key >> 40) & 0xFF) != 0;
}
