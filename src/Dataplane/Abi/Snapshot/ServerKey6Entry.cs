using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>As <see cref="ServerKey4Entry"/>, for IPv6; by <see cref="Hashes.Slot"/> of <see cref="Hashes.Fold"/>(high, low, rest).</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServerKey6Entry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 32;
    /// <summary>First and last eight bytes of the address as they lie in memory.</summary>
    public ulong High, Low;
    /// <summary><see cref="ServiceKey6Entry.PortAndProtocol"/>; 0 marks an empty entry.</summary>
    public ulong Rest;
    /// <summary>Slot of the server.</summary>
    public uint Server;
    /// <summary>Padding.</summary>
    public uint Reserved;
}
