using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// From the address, protocol and port of a real server behind NAT to its slot, for replies. Open addressing as in
/// <see cref="ServiceKey4Entry"/>; a server of several services has an entry for each, found by going on after the first.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServerKey4Entry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 16;
    /// <summary><see cref="ServiceKey4Entry.Key"/> of address, port and protocol; 0 marks an empty entry.</summary>
    public ulong Value;
    /// <summary>Slot of the server.</summary>
    public uint Server;
    /// <summary>Padding.</summary>
    public uint Reserved;
}
