using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>First page of the region: what it is, and the words by which a snapshot is handed over.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
public struct RegionHeader
{
    /// <summary>Size in bytes: a page.</summary>
    public const int SizeBytes = 4096;
    /// <summary>"FWDREGN1" as a little-endian number.</summary>
    public const ulong MagicValue = 0x314E_4745_5244_5746;
    /// <summary>Version of everything in the region; raised with each change of a layout in Forwarder.Abi.</summary>
    public const uint CurrentVersion = 15;

    /// <summary><see cref="MagicValue"/>.</summary>
    [FieldOffset(0)] public ulong Magic;
    /// <summary><see cref="CurrentVersion"/>.</summary>
    [FieldOffset(8)] public uint Version;
    /// <summary>Worker blocks in the region.</summary>
    [FieldOffset(12)] public uint WorkerCount;
    /// <summary>Bytes of the whole file.</summary>
    [FieldOffset(16)] public ulong TotalBytes;
    /// <summary>Bytes of one snapshot slot.</summary>
    [FieldOffset(24)] public ulong SnapshotSlotBytes;

    /// <summary>Written by control: generation and slot of the newest snapshot, see <see cref="SnapshotWord"/>. 0 = none.</summary>
    [FieldOffset(64)] public ulong Published;

    /// <summary>Written by the gatekeeper: the snapshot that workers take up. 0 = none.</summary>
    [FieldOffset(128)] public ulong Accepted;
    /// <summary>Written by the gatekeeper: generation of the last refused snapshot, stored after the two fields below.</summary>
    [FieldOffset(136)] public ulong RejectedGeneration;
    /// <summary>Why it was refused, a <see cref="SnapshotFault"/>.</summary>
    [FieldOffset(144)] public uint RejectedFault;
    /// <summary>Index of the entry at fault.</summary>
    [FieldOffset(148)] public uint RejectedIndex;
    /// <summary>Written by the gatekeeper: the snapshot that it is reading, so that control leaves its slot alone. 0 = none.</summary>
    [FieldOffset(152)] public ulong Examining;
}
