using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>As <see cref="ServiceKey4Entry"/>, for IPv6; by <see cref="Hashes.Slot"/> of <see cref="Hashes.Fold"/>(high, low, rest).</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServiceKey6Entry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 32;
    /// <summary>First and last eight bytes of the VIP as they lie in memory.</summary>
    public ulong High, Low;
    /// <summary><see cref="PortAndProtocol"/>; 0 marks an empty entry.</summary>
    public ulong Rest;
    /// <summary>Slot of the service.</summary>
    public uint Service;
    /// <summary>Padding.</summary>
    public uint Reserved;

    /// <summary>Port (network byte order as it lies in memory) and protocol in one word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong PortAndProtocol(ushort port, byte protocol) => ((ulong)port << 32) | ((ulong)protocol << 48);
}
