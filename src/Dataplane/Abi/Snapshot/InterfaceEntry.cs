using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A layer-3 interface of the director: a port, or a VLAN on a port.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct InterfaceEntry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 16;
    /// <summary>Bits of <see cref="VrrpFamilies"/>.</summary>
    public const byte Vrrp4 = 1, Vrrp6 = 2;
    /// <summary>Index of the port.</summary>
    public ushort Port;
    /// <summary>VLAN id 1-4094, or 0 for untagged.</summary>
    public ushort Vlan;
    /// <summary>1 = in use.</summary>
    public byte Valid;
    /// <summary>Families of VRRP groups on the interface: <see cref="Vrrp4"/>, <see cref="Vrrp6"/>. Their advertisements must be received.</summary>
    public byte VrrpFamilies;
    /// <summary>Largest IP packet in bytes.</summary>
    public ushort MtuBytes;
    /// <summary>An own IPv4 address of the interface (sender of ARP requests), network byte order as in memory; 0 = none.</summary>
    public uint Address4;
    /// <summary>Padding.</summary>
    public uint Reserved2;
}
