using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Forwarder.Engine;

/// <summary>
/// Flows of IPv4 clients of one worker. Buckets of one cache line hold four full keys and four values; a flow lies in one
/// of two buckets that its hash names. Fixed size, single owner, no locks; another thread may read along (each key and
/// value is one aligned 64-bit word). At most half of the entries are promised, so a flow costs 32 bytes.
/// </summary>
public unsafe struct FlowTable4
{
    /// <summary>Entries of a bucket, and its bytes: four keys, then four values.</summary>
    public const int Ways = 4, BucketBytes = 64;

    /// <summary>The key that a value belongs to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong* KeyOf(ulong* value) => value - Ways;

    /// <summary>First bucket; aligned to 64 bytes.</summary>
    public ulong* Buckets;
    /// <summary>32 - log2(buckets): the hash's upper bits are the bucket's number.</summary>
    public int Shift;
    /// <summary>Buckets: a power of two.</summary>
    public uint BucketCount;
    /// <summary>Flows in the table.</summary>
    public uint Count;

    /// <summary>Bytes of memory (zeroed, 64-byte aligned) for a table of this many flows.</summary>
    public static long MeasureBytes(int flows) => BucketCountFor(flows) * (long)BucketBytes;

    /// <summary>Makes an empty table on zeroed memory of <see cref="MeasureBytes"/> bytes.</summary>
    public static FlowTable4 Create(void* memory, int flows) => new()
    {
        Buckets = (ulong*)memory,
        BucketCount = BucketCountFor(flows),
        Shift = 32 - BitOperations.Log2(BucketCountFor(flows)),
    };

    /// <summary>Key of a flow; address and port as they lie in memory. Never 0: service slot 0 is not used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Key(uint clientAddress, ushort clientPort, uint service) =>
        clientAddress | ((ulong)clientPort << 32) | ((ulong)service << 48);

    /// <summary>Hash of a flow: CRC-32C of the client's half of the key, started with the service's salt.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Hash(uint salt, ulong key) =>
        Sse42.X64.IsSupported ? (uint)Sse42.X64.Crc32(salt, key & 0xFFFF_FFFF_FFFFUL) : BitOperations.Crc32C(salt, key & 0xFFFF_FFFF_FFFFUL);

    /// <summary>The bucket where a flow belongs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly ulong* First(uint hash) => Buckets + ((ulong)(hash >> Shift) * (BucketBytes / sizeof(ulong)));

    /// <summary>The bucket where a flow lies when the first one was full.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly ulong* Second(uint hash) => Buckets + ((ulong)((hash * 0x9E3779B1u) >> Shift) * (BucketBytes / sizeof(ulong)));

    /// <summary>Bit mask of the bucket's ways that hold a key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Match(ulong* bucket, ulong key) =>
        Vector256.Equals(Vector256.LoadAligned(bucket), Vector256.Create(key)).ExtractMostSignificantBits();

    /// <summary>The value of a flow, or null. Looks into both buckets.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly ulong* Find(uint hash, ulong key)
    {
        ulong* bucket = First(hash);
        uint match = Match(bucket, key);
        if (match == 0)
        {
            bucket = Second(hash);
            match = Match(bucket, key);
        }

        return match == 0 ? null : bucket + Ways + BitOperations.TrailingZeroCount(match);
    }

    /// <summary>A place for a new flow: its key is set, its value is left for the caller. Null if both buckets are full of live flows.</summary>
    /// <param name="displaced">Value of an expired flow that the place was taken from, else 0.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong* Insert(uint hash, ulong key, uint nowMs, out ulong displaced)
    {
        displaced = 0;
        ulong* bucket = First(hash);
        uint free = Match(bucket, 0);
        if (free == 0)
        {
            bucket = Second(hash);
            free = Match(bucket, 0);
        }

        return free == 0 ? InsertForExpired(hash, key, nowMs, out displaced) : Put(bucket, free, key);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private ulong* InsertForExpired(uint hash, ulong key, uint nowMs, out ulong displaced)
    {
        displaced = 0;
        ulong* bucket = First(hash);
        uint expired = FindExpired(bucket, nowMs);
        if (expired == 0)
        {
            bucket = Second(hash);
            expired = FindExpired(bucket, nowMs);
        }

        if (expired == 0)
        {
            return null;
        }

        displaced = bucket[Ways + BitOperations.TrailingZeroCount(expired)];
        Count--;
        return Put(bucket, expired, key);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong* Put(ulong* bucket, uint ways, ulong key)
    {
        int way = BitOperations.TrailingZeroCount(ways);
        bucket[way] = key;
        Count++;
        return bucket + Ways + way;
    }

    /// <summary>Removes the flow that a value belongs to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Remove(ulong* value)
    {
        *(value - Ways) = 0;
        *value = 0;
        Count--;
    }

    private static uint FindExpired(ulong* bucket, uint nowMs)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (FlowValue.IsExpired(bucket[Ways + way], nowMs))
            {
                return 1u << way;
            }
        }

        return 0;
    }

    private static uint BucketCountFor(int flows) => BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, (flows * 2L) / Ways));
}
