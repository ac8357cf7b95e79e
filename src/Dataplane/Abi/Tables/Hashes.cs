using System.Runtime.CompilerServices;

namespace Forwarder.Abi;

/// <summary>Hash functions whose results both processes rely on. Changing one needs a new snapshot version.</summary>
public static class Hashes
{
    /// <summary>Mixes 64 bits (finalizer of SplitMix64, Steele et al. 2014) into 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Mix64(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return value ^ (value >> 31);
    }

    /// <summary>Position in a table of 2^<paramref name="log2"/> entries for a service or address key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Slot(ulong key, int log2) => (uint)((key * 0x9E3779B97F4A7C15UL) >> (64 - log2));

    /// <summary>Folds a 128-bit address and 64 more bits into a key for <see cref="Slot"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Fold(ulong high, ulong low, ulong rest) =>
        (high ^ (rest * 0xD6E8FEB86659FD93UL)) * 0xFF51AFD7ED558CCDUL ^ low;
}
