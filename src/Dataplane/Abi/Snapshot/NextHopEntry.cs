using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A neighbour that packets are sent to, by slot.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct NextHopEntry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 24;
    /// <summary>Address; an IPv4 address is in the low four bytes of <see cref="High"/> as they lie in memory.</summary>
    public ulong High, Low;
    /// <summary>Interface that the neighbour is on.</summary>
    public ushort Interface;
    /// <summary>4, 6, or 0 when the slot is not in use.</summary>
    public byte IpVersion;
    /// <summary>1 = asked for once a second, whether it answers or not (a VRRP peer must be reached as soon as it is there; what is tracked must be missed soon).</summary>
    public byte IsWatched;
    /// <summary>Padding.</summary>
    public uint Reserved2;
}
