namespace Forwarder.Abi;

/// <summary>
/// Control's half of the hand-over. Ordering:
/// 1. The writer fills a slot that neither is published, accepted or being examined, nor is still seen by a worker.
/// 2. It release-stores <see cref="RegionHeader.Published"/>; the gatekeeper's acquire load sees the whole snapshot.
/// 3. The gatekeeper verifies and release-stores <see cref="RegionHeader.Accepted"/>; a worker's acquire load per turn takes it up.
/// 4. The worker stores <see cref="WorkerBlock.SeenGeneration"/> after its last read of the old snapshot, then fences and
///    reads Accepted again before its first read of the new one: a writer that finds Accepted moved on also finds the
///    worker's mark, and leaves the slot alone.
/// 5. The gatekeeper stores <see cref="RegionHeader.Examining"/>, then fences and reads Published again: if it is still
///    the same, a writer that publishes later (fence after its store) sees the slot examined and does not reuse it.
/// </summary>
public sealed class SnapshotPublisher(Region region)
{
    /// <summary>Generation of the newest published snapshot; 0 = none.</summary>
    public ulong PublishedGeneration => SnapshotWord.Generation(Volatile.Read(ref region.Header.Published));

    /// <summary>Generation that workers are told to use; 0 = none.</summary>
    public ulong AcceptedGeneration => SnapshotWord.Generation(Volatile.Read(ref region.Header.Accepted));

    /// <summary>Lays out and publishes a snapshot as the next generation, or returns false if every slot is still in use: try again when workers have moved on.</summary>
    /// <exception cref="ArgumentException">The content does not fit a slot, or the laid-out snapshot does not pass the verifier.</exception>
    public bool TryPublish(SnapshotContent content, out ulong generation)
    {
        ulong published = Volatile.Read(ref region.Header.Published);
        generation = SnapshotWord.Generation(published) + 1;
        int slot = FindFreeSlot();
        if (slot < 0)
        {
            return false;
        }

        Span<byte> bytes = region.SnapshotSlot(slot);
        int length = SnapshotWriter.Write(content, generation, bytes);
        SnapshotFault fault = SnapshotVerifier.Verify(bytes[..length], generation, out uint index);
        if (fault != SnapshotFault.None)
        {
            throw new ArgumentException($"The compiled snapshot does not pass the verifier: {fault}, entry {index}.", nameof(content));
        }

        Volatile.Write(ref region.Header.Published, SnapshotWord.Pack(generation, slot)); // ordering 2
        Interlocked.MemoryBarrier(); // ordering 5
        return true;
    }

    /// <summary>Whether every running worker uses at least this generation.</summary>
    public bool IsSeenByAllWorkers(ulong generation)
    {
        for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
        {
            ref WorkerBlock block = ref region.Worker(worker);
            if (Volatile.Read(ref block.Running) != 0 && Volatile.Read(ref block.SeenGeneration) < generation)
            {
                return false;
            }
        }

        return true;
    }

    private int FindFreeSlot()
    {
        // Examining is read before Accepted: the gatekeeper stores Accepted first and clears Examining after it,
        // so a snapshot on its way from one to the other is met in at least one of them.
        ulong published = Volatile.Read(ref region.Header.Published);
        ulong examining = Volatile.Read(ref region.Header.Examining);
        ulong accepted = Volatile.Read(ref region.Header.Accepted);
        for (int slot = 0; slot < Limits.SnapshotSlots; slot++)
        {
            if (!IsIn(published, slot) && !IsIn(examining, slot) && !IsIn(accepted, slot) && !IsSeen(slot))
            {
                return slot;
            }
        }

        return -1;
    }

    private static bool IsIn(ulong word, int slot) => word != 0 && SnapshotWord.Slot(word) == slot;

    /// <summary>Whether a running worker still uses the snapshot in this slot: one of a generation older than the accepted one.</summary>
    private bool IsSeen(int slot)
    {
        ulong inSlot = System.Runtime.InteropServices.MemoryMarshal.Read<SnapshotHeader>(region.SnapshotSlot(slot)).Generation;
        if (inSlot == 0)
        {
            return false;
        }

        for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
        {
            ref WorkerBlock block = ref region.Worker(worker);
            if (Volatile.Read(ref block.Running) != 0 && Volatile.Read(ref block.SeenGeneration) == inSlot) // ordering 4
            {
                return true;
            }
        }

        return false;
    }
}
