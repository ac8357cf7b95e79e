using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// A rule of SNAT for one family. Rules are in the order in which they are tried; the addresses of the packets that they take are in the
/// tables of <see cref="SnatRangeEntry"/>. Where the packets go, its flows and counts are those of a server with
/// <see cref="ForwardingMethod.SourceNat"/>; pool and flags are its service's.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SnatRuleEntry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 8;
    /// <summary><see cref="Interface"/>: packets may come from any.</summary>
    public const ushort AnyInterface = 0xFFFF;
    /// <summary>Slot of its server.</summary>
    public uint Server;
    /// <summary>Interface that the packets must come from, or <see cref="AnyInterface"/>.</summary>
    public ushort Interface;
    /// <summary>4 or 6.</summary>
    public byte IpVersion;
}
