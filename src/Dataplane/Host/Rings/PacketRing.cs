using System.Runtime.CompilerServices;

namespace Forwarder.Dataplane;

/// <summary>
/// A ring of packets from one thread to one other, in native memory. Full means refused: the producer counts and frees.
/// Ordering: 1. the producer fills an entry, then release-stores Head; the consumer's acquire load of Head sees the entry.
/// 2. The consumer reads an entry, then release-stores Tail; the producer's acquire load of Tail may reuse it.
/// </summary>
public unsafe struct PacketRing
{
    private const int LineBytes = 64;

    /// <summary>An entry.</summary>
    public struct Entry
    {
        /// <summary>The mbuf.</summary>
        public ulong Packet;
        /// <summary>To housekeeping: see <see cref="Forwarder.Engine.SlowTag"/>. To a worker: egress port. Between workers: not used.</summary>
        public uint Tag;
        /// <summary>To housekeeping and between workers: ingress port; VRRP group of a packet that waits. To a worker: VRRP group on whose lease the frame relies, 0 = none.</summary>
        public uint Port;
    }

    private byte* _memory;
    private uint _mask;

    /// <summary>Bytes of zeroed, 64-byte aligned memory for a ring of <paramref name="capacity"/> entries (a power of two).</summary>
    public static long MeasureBytes(int capacity) => (2 * LineBytes) + ((long)capacity * sizeof(Entry));

    /// <summary>Makes an empty ring.</summary>
    public static PacketRing Create(void* memory, int capacity) => new() { _memory = (byte*)memory, _mask = (uint)capacity - 1 };

    private readonly ref uint Head => ref *(uint*)_memory;

    private readonly ref uint Tail => ref *(uint*)(_memory + LineBytes);

    private readonly Entry* Entries => (Entry*)(_memory + (2 * LineBytes));

    /// <summary>Puts a packet in; false if the ring is full. Producer only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryPush(ulong packet, uint tag, uint port)
    {
        uint head = Head;
        if (head - Volatile.Read(ref Tail) > _mask) // ordering 2
        {
            return false;
        }

        Entries[head & _mask] = new Entry { Packet = packet, Tag = tag, Port = port };
        Volatile.Write(ref Head, head + 1); // ordering 1
        return true;
    }

    /// <summary>Whether more than so many entries are free. Producer only.</summary>
    public readonly bool HasRoomBeside(uint reserve) => Head - Volatile.Read(ref Tail) + reserve <= _mask;

    /// <summary>Takes out up to <paramref name="max"/> packets that came in by the same port; returns how many. Consumer only.</summary>
    public readonly int PopOfOnePort(ulong* packets, int max, out int port)
    {
        uint tail = Tail, waiting = Volatile.Read(ref Head) - tail; // ordering 1
        port = 0;
        int count = 0;
        while ((uint)count < waiting && count < max)
        {
            ref Entry entry = ref Entries[(tail + (uint)count) & _mask];
            if (count != 0 && entry.Port != (uint)port)
            {
                break;
            }

            port = (int)entry.Port;
            packets[count++] = entry.Packet;
        }

        if (count != 0)
        {
            Volatile.Write(ref Tail, tail + (uint)count); // ordering 2
        }

        return count;
    }

    /// <summary>Takes a packet out; false if the ring is empty. Consumer only.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool TryPop(out Entry entry)
    {
        uint tail = Tail;
        if (tail == Volatile.Read(ref Head)) // ordering 1
        {
            entry = default;
            return false;
        }

        entry = Entries[tail & _mask];
        Volatile.Write(ref Tail, tail + 1); // ordering 2
        return true;
    }
}
