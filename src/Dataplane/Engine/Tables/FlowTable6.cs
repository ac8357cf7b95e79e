using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Forwarder.Engine;

/// <summary>
/// Flows of IPv6 clients of one worker: as <see cref="FlowTable4"/>, with entries of 32 bytes (address, port and service,
/// value), two to a cache line and four to a bucket. At most half of the entries are promised: 64 bytes a flow.
/// </summary>
public unsafe struct FlowTable6
{
    /// <summary>Entries of a bucket and its bytes.</summary>
    public const int Ways = 4, BucketBytes = 128;

    /// <summary>An entry.</summary>
    public struct Entry
    {
        /// <summary>Client's address as it lies in memory.</summary>
        public ulong High, Low;
        /// <summary>Client's port (bits 32-47) and service slot (bits 48-63); 0 = empty.</summary>
        public ulong Rest;
        /// <summary>See <see cref="FlowValue"/>.</summary>
        public ulong Value;
    }

    /// <summary>The entry that a value is in.</summary>
    public static Entry* EntryOf(ulong* value) => (Entry*)(value - 3);

    /// <summary>First bucket; aligned to 64 bytes.</summary>
    public Entry* Buckets;
    /// <summary>32 - log2(buckets).</summary>
    public int Shift;
    /// <summary>Buckets: a power of two.</summary>
    public uint BucketCount;
    /// <summary>Flows in the table.</summary>
    public uint Count;

    /// <summary>Bytes of memory (zeroed, 64-byte aligned) for a table of this many flows.</summary>
    public static long MeasureBytes(int flows) => BucketCountFor(flows) * (long)BucketBytes;

    /// <summary>Makes an empty table on zeroed memory of <see cref="MeasureBytes"/> bytes.</summary>
    public static FlowTable6 Create(void* memory, int flows) => new()
    {
        Buckets = (Entry*)memory,
        BucketCount = BucketCountFor(flows),
        Shift = 32 - BitOperations.Log2(BucketCountFor(flows)),
    };

    /// <summary>Client port and service slot in one word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Rest(ushort clientPort, uint service) => ((ulong)clientPort << 32) | ((ulong)service << 48);

    /// <summary>Hash of a flow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Hash(uint salt, ulong high, ulong low, ushort clientPort) => Sse42.X64.IsSupported
        ? (uint)Sse42.X64.Crc32(Sse42.X64.Crc32(Sse42.X64.Crc32(salt, high), low), clientPort)
        : BitOperations.Crc32C(BitOperations.Crc32C(BitOperations.Crc32C(salt, high), low), (ulong)clientPort);

    /// <summary>The bucket where a flow belongs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Entry* First(uint hash) => Buckets + ((ulong)(hash >> Shift) * Ways);

    /// <summary>The bucket where a flow lies when the first one was full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Entry* Second(uint hash) => Buckets + ((ulong)((hash * 0x9E3779B1u) >> Shift) * Ways);

    /// <summary>The flow's entry, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Entry* Find(uint hash, ulong high, ulong low, ulong rest)
    {
        Entry* entry = FindIn(First(hash), high, low, rest);
        return entry != null ? entry : FindIn(Second(hash), high, low, rest);
    }

    /// <summary>A place for a new flow: its key is set, its value is left for the caller. Null if both buckets are full of live flows.</summary>
    /// <param name="displaced">Value of an expired flow that the place was taken from, else 0.</param>
    public Entry* Insert(uint hash, ulong high, ulong low, ulong rest, uint nowMs, out ulong displaced)
    {
        displaced = 0;
        Entry* entry = FindEmpty(First(hash));
        entry = entry != null ? entry : FindEmpty(Second(hash));
        if (entry == null)
        {
            entry = FindExpired(First(hash), nowMs);
            entry = entry != null ? entry : FindExpired(Second(hash), nowMs);
            if (entry == null)
            {
                return null;
            }

            displaced = entry->Value;
            Count--;
        }

        entry->High = high;
        entry->Low = low;
        entry->Rest = rest;
        Count++;
        return entry;
    }

    /// <summary>Removes a flow.</summary>
    public void Remove(Entry* entry)
    {
        entry->Rest = 0;
        entry->Value = 0;
        Count--;
    }

    /// <summary>Asks for both cache lines of a bucket.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Prefetch(Entry* bucket)
    {
        Sse.Prefetch0(bucket);
        Sse.Prefetch0(bucket + (Ways / 2));
    }

    /// <summary>A flow's entry in this bucket, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Entry* FindIn(Entry* bucket, ulong high, ulong low, ulong rest)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (bucket[way].Rest == rest && bucket[way].Low == low && bucket[way].High == high)
            {
                return bucket + way;
            }
        }

        return null;
    }

    private static Entry* FindEmpty(Entry* bucket)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (bucket[way].Rest == 0)
            {
                return bucket + way;
            }
        }

        return null;
    }

    private static Entry* FindExpired(Entry* bucket, uint nowMs)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (FlowValue.IsExpired(bucket[way].Value, nowMs))
            {
                return bucket + way;
            }
        }

        return null;
    }

    private static uint BucketCountFor(int flows) => BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, (flows * 2L) / Ways));
}
