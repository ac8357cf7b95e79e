using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>Place of an array in a snapshot.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Section
{
    /// <summary>Bytes from the start of the snapshot; a multiple of 64.</summary>
    public ulong Offset;
    /// <summary>Entries.</summary>
    public uint Count;
    /// <summary>Bytes of an entry.</summary>
    public uint EntryBytes;
}
