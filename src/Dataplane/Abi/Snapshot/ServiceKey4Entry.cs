using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>From VIP, protocol and port to the service's slot. Open addressing, linear probing, by <see cref="Hashes.Slot"/> of the key.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServiceKey4Entry
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 16;
    /// <summary><see cref="Key"/>; 0 marks an empty entry.</summary>
    public ulong Value;
    /// <summary>Slot of the service.</summary>
    public uint Service;
    /// <summary>Padding.</summary>
    public uint Reserved;

    /// <summary>Key of a service; address and port in network byte order as they lie in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Key(uint address, ushort port, byte protocol) =>
        address | ((ulong)port << 32) | ((ulong)protocol << 48);
}
