using System.Runtime.CompilerServices;

namespace Forwarder.Abi;

/// <summary>A table of <see cref="SnatRangeEntry"/>, of sources or destinations of one family: which rules of SNAT name an address. Verified: the first entry is address 0, each is above the one before.</summary>
public readonly unsafe struct SnatRanges(SnatRangeEntry* entries, int count)
{
    /// <summary>Entries; at least one where there are rules.</summary>
    public int Count => count;

    /// <summary>An entry.</summary>
    public SnatRangeEntry this[int index] => entries[index];

    /// <summary>Set of the rules that name an address, given as a number. There is an entry.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Find(ulong high, ulong low)
    {
        SnatRangeEntry* at = entries;
        for (int left = count; left > 1;)
        {
            int half = left >> 1;
            at += at[half].High < high || (at[half].High == high && at[half].Low <= low) ? half : 0;
            left -= half;
        }

        return at->Set;
    }
}
