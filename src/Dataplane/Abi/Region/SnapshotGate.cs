namespace Forwarder.Abi;

/// <summary>The gatekeeper's half of the hand-over; see <see cref="SnapshotPublisher"/> for the numbered ordering. Allocates nothing.</summary>
public sealed unsafe class SnapshotGate(Region region)
{
    private ulong _refused;

    /// <summary>
    /// Looks whether control has published something new, verifies it and accepts or refuses it. True if a new snapshot
    /// was accepted: <paramref name="view"/> is it, and workers will take it up in their next turn.
    /// </summary>
    /// <param name="view">The accepted snapshot.</param>
    /// <param name="prepare">Called with the verified snapshot before workers can see it.</param>
    public bool TryAccept(out SnapshotView view, delegate*<void*, in SnapshotView, void> prepare = null, void* context = null)
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
        if (Volatile.Read(ref header.Published) != word)
        {
            Volatile.Write(ref header.Examining, 0);
            return false; // a newer one: next round
        }

        bool accepted = Examine(word, out view);
        if (accepted)
        {
            if (prepare != null)
            {
                prepare(context, view);
            }

            Volatile.Write(ref header.Accepted, word); // ordering 3
        }

        Volatile.Write(ref header.Examining, 0);
        return accepted;
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
            fault = SnapshotVerifier.Verify(region.SnapshotSlot(SnapshotWord.Slot(word)), SnapshotWord.Generation(word), out index);
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
