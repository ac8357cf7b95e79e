namespace Forwarder.Abi;

/// <summary>The gatekeeper's half of the hand-over; see <see cref="SnapshotPublisher"/> for the numbered ordering. Allocates nothing.</summary>
public sealed unsafe class SnapshotGate(Region region, int portCount = Limits.PortsMax)
{
    private ulong _refused;

    /// <summary>Accepts what control has published, if it is new and good.</summary>
    public bool TryAccept(out SnapshotView view)
    {
        bool good = TryExamine(out view);
        if (good)
        {
            Accept();
        }

        return good;
    }

    /// <summary>
    /// Looks whether control has published something new and verifies it. True if it is good: it stays untouched until
    /// <see cref="Accept"/>, so that housekeeping can prepare for it before workers see it.
    /// </summary>
    public bool TryExamine(out SnapshotView view)
    {
        view = default;
        ref RegionHeader header = ref region.Header;
        ulong word = Volatile.Read(ref header.Published); // ordering 2
        if (word == 0 || word == header.Accepted || word == _refused)
        {
            return false;
        }

        Volatile.Write(ref header.Examining, word);
        Interlocked.MemoryBarrier(); // ordering 5
        if (Volatile.Read(ref header.Published) == word && Examine(word, out view))
        {
            return true;
        }

        Volatile.Write(ref header.Examining, 0); // refused, or there is a newer one: next round
        return false;
    }

    /// <summary>Hands the examined snapshot to the workers: they take it up in their next turn.</summary>
    public void Accept()
    {
        ref RegionHeader header = ref region.Header;
        Volatile.Write(ref header.Accepted, header.Examining); // ordering 3
        Volatile.Write(ref header.Examining, 0);
    }

    /// <summary>After a start: whether the snapshot that was accepted last is still good, so that workers can forward at once. Otherwise forgets it.</summary>
    public bool TryResume(out SnapshotView view)
    {
        view = default;
        ref RegionHeader header = ref region.Header;
        ulong word = header.Accepted;
        Volatile.Write(ref header.Examining, 0);
        if (word != 0 && Examine(word, out view))
        {
            return true;
        }

        Volatile.Write(ref header.Accepted, 0);
        return false;
    }

    private bool Examine(ulong word, out SnapshotView view)
    {
        view = default;
        ref RegionHeader header = ref region.Header;
        SnapshotFault fault = SnapshotFault.Size;
        uint index = 0;
        if (SnapshotWord.Slot(word) < Limits.SnapshotSlots)
        {
            fault = SnapshotVerifier.Verify(region.SnapshotSlot(SnapshotWord.Slot(word)), SnapshotWord.Generation(word), out index, portCount);
        }

        if (fault != SnapshotFault.None)
        {
            header.RejectedFault = (uint)fault;
            header.RejectedIndex = index;
            Volatile.Write(ref header.RejectedGeneration, SnapshotWord.Generation(word));
            _refused = word;
            return false;
        }

        view = new SnapshotView(region.SnapshotSlotStart(SnapshotWord.Slot(word)));
        return true;
    }
}
