namespace Forwarder.Abi;

/// <summary>Generation and slot of a snapshot in one word, so that both are read together: generation × 4 + slot. 0 = none.</summary>
public static class SnapshotWord
{
    /// <summary>Packs a word.</summary>
    public static ulong Pack(ulong generation, int slot) => (generation << 2) | (uint)slot;

    /// <summary>The generation; 0 = none.</summary>
    public static ulong Generation(ulong word) => word >> 2;

    /// <summary>The slot, 0 to <see cref="Limits.SnapshotSlots"/> - 1.</summary>
    public static int Slot(ulong word) => (int)(word & 3);
}
