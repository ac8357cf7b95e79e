using System.Runtime.InteropServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// A fragmented datagram on its way: what names it, what its first fragment has decided, and which parts of it have been
/// seen. Two cache lines.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct FragmentEntry
{
    /// <summary>What becomes of later fragments.</summary>
    public enum Fate : byte
    {
        /// <summary>The first fragment is still on its way through the stages of this burst.</summary>
        Pending,
        /// <summary>They follow the first one to the server.</summary>
        ToServer,
        /// <summary>They follow the first one to the client.</summary>
        ToClient,
        /// <summary>They go to the worker whose index is in <see cref="Server"/>.</summary>
        HandOver,
        /// <summary>Two overlapped: all others are lost as well (RFC 5722 section 4).</summary>
        Bad,
    }

    /// <summary>Addresses as they came; of IPv4 the low half of the first word of each.</summary>
    public ulong SourceHigh, SourceLow, DestinationHigh, DestinationLow;
    /// <summary>Identification (bits 0-31), protocol (32-39, IPv4 alone: RFC 791 section 3.2, RFC 8200 section 4.5), IP version (40-47); 0 = empty.</summary>
    public ulong Rest;
    /// <summary>When it ends, in ms.</summary>
    public uint DeadlineMs;
    /// <summary>Slot of the real server.</summary>
    public uint Server;
    /// <summary>Of a datagram to a client the way there, see <see cref="LastHops"/>; to a server the flow's hash, GUE's source port.</summary>
    public ulong HopOrHash;
    /// <summary>Bytes of the whole datagram, once its last fragment has been seen.</summary>
    public uint EndBytes;
    /// <summary>See <see cref="Fate"/>.</summary>
    public Fate State;
    /// <summary>Incarnation of the server slot.</summary>
    public byte Incarnation;
    /// <summary>Of a pending one: index of the first fragment in the burst.</summary>
    public byte FirstIndex;
    /// <summary>Runs of fragments that have been seen.</summary>
    public byte RunCount;
    /// <summary>Where each run begins and ends, in units of 8 bytes.</summary>
    public fixed ushort From[Limits.FragmentRunsMax];
    public fixed ushort To[Limits.FragmentRunsMax];
    /// <summary>With NAT and FullNAT: addresses as they go out.</summary>
    public ulong NewSourceHigh, NewSourceLow, NewDestinationHigh, NewDestinationLow;

    /// <summary>Whether the whole datagram has been seen.</summary>
    public readonly bool IsComplete => EndBytes != 0 && RunCount == 1 && To[0] == Units(EndBytes);

    /// <summary>Adds a fragment to what has been seen. None if it may go on.</summary>
    public DropReason Add(uint offsetBytes, uint bytes, bool more)
    {
        uint from = offsetBytes / 8, end = offsetBytes + bytes, to = Units(end);
        int at = 0;
        while (at < RunCount && To[at] < from)
        {
            at++;
        }

        // A copy of what was there already is lost alone (RFC 8200 section 4.5); Linux does so, too.
        if (at < RunCount && From[at] <= from && To[at] >= to)
        {
            return DropReason.FragmentOverlap;
        }

        bool endsElsewhere = EndBytes != 0 && (more ? end > EndBytes : end != EndBytes);
        bool isBefore = !more && RunCount != 0 && To[RunCount - 1] > to;
        int after = at < RunCount && To[at] == from ? at + 1 : at; // first run that may begin behind it
        if (endsElsewhere || isBefore || (after < RunCount && From[after] < to))
        {
            State = Fate.Bad;
            return DropReason.FragmentOverlap;
        }

        if (!TryMerge(at, after, (ushort)from, (ushort)to))
        {
            return DropReason.FragmentScattered;
        }

        EndBytes = more ? EndBytes : end;
        return DropReason.None;
    }

    private bool TryMerge(int at, int after, ushort from, ushort to)
    {
        bool joinsNext = after < RunCount && From[after] == to;
        if (after != at)
        {
            To[at] = joinsNext ? To[after] : to;
            if (joinsNext)
            {
                Move(after + 1, after, RunCount - after - 1);
                RunCount--;
            }

            return true;
        }

        if (joinsNext)
        {
            From[at] = from;
            return true;
        }

        if (RunCount == Limits.FragmentRunsMax)
        {
            return false;
        }

        Move(at, at + 1, RunCount - at);
        (From[at], To[at]) = (from, to);
        RunCount++;
        return true;
    }

    private void Move(int source, int destination, int count)
    {
        fixed (ushort* from = From)
        fixed (ushort* to = To)
        {
            new ReadOnlySpan<ushort>(from + source, count).CopyTo(new Span<ushort>(from + destination, count));
            new ReadOnlySpan<ushort>(to + source, count).CopyTo(new Span<ushort>(to + destination, count));
        }
    }

    private static uint Units(uint bytes) => (bytes + 7) / 8;
}
