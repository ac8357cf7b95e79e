using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Fragmented datagrams on their way, by worker: sets of <see cref="Ways"/>. A full set gives its oldest entry away, so
/// that a flood of first fragments shuts nobody out: fragments of a datagram follow each other closely.
/// </summary>
public unsafe struct FragmentTable
{
    /// <summary>Entries of a set.</summary>
    public const int Ways = 8;

    private FragmentEntry* _entries;

    /// <summary>Bytes of memory (zeroed, 64-byte aligned) for a table.</summary>
    public static long MeasureBytes => (long)Limits.FragmentsPerWorker * sizeof(FragmentEntry);

    /// <summary>Makes an empty table.</summary>
    public static FragmentTable Create(void* memory) => new() { _entries = (FragmentEntry*)memory };

    /// <summary>The entry at an index.</summary>
    public readonly FragmentEntry* At(uint index) => _entries + index;

    /// <summary>Index of an entry.</summary>
    public readonly uint IndexOf(FragmentEntry* entry) => (uint)(entry - _entries);

    /// <summary>The live entry of a datagram, or null.</summary>
    public readonly FragmentEntry* Find(in FragmentKey key, uint nowMs)
    {
        FragmentEntry* set = SetOf(key);
        for (int way = 0; way < Ways; way++)
        {
            FragmentEntry* entry = set + way;
            if (entry->Rest == key.Rest && entry->SourceHigh == key.SourceHigh && entry->DestinationHigh == key.DestinationHigh
                && entry->SourceLow == key.SourceLow && entry->DestinationLow == key.DestinationLow)
            {
                return IsExpired(entry, nowMs) ? null : entry;
            }
        }

        return null;
    }

    /// <summary>A fresh entry for a datagram that has no live one. Takes the place of its own expired one, an empty, an expired or the oldest one.</summary>
    public readonly FragmentEntry* Insert(in FragmentKey key, uint nowMs, out bool evicted)
    {
        FragmentEntry* set = SetOf(key), place = null;
        for (int way = 0; way < Ways; way++)
        {
            FragmentEntry* entry = set + way;
            if (entry->Rest == 0 || IsExpired(entry, nowMs))
            {
                entry->Rest = 0; // an expired one of the same key must not be found beside the fresh one
                place = place == null || place->Rest != 0 ? entry : place;
            }
            else if (place == null || (place->Rest != 0 && (int)(entry->DeadlineMs - place->DeadlineMs) < 0))
            {
                place = entry;
            }
        }

        evicted = place->Rest != 0;
        *place = default;
        (place->SourceHigh, place->SourceLow, place->DestinationHigh, place->DestinationLow, place->Rest) =
            (key.SourceHigh, key.SourceLow, key.DestinationHigh, key.DestinationLow, key.Rest);
        place->DeadlineMs = nowMs + Limits.FragmentTimeoutMs;
        return place;
    }

    /// <summary>Makes an entry's place free.</summary>
    public static void Remove(FragmentEntry* entry) => entry->Rest = 0;

    private static bool IsExpired(FragmentEntry* entry, uint nowMs) => (int)(entry->DeadlineMs - nowMs) <= 0;

    private readonly FragmentEntry* SetOf(in FragmentKey key)
    {
        ulong mix = Hashes.Fold(Hashes.Mix64(key.SourceHigh ^ key.SourceLow), key.DestinationHigh ^ key.DestinationLow, key.Rest);
        return _entries + ((Hashes.Mix64(mix) & ((Limits.FragmentsPerWorker / Ways) - 1)) * Ways);
    }
}
