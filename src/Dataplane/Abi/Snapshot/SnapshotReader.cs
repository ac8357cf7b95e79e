using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>The way back from a region to what was published last, by slot. Control starts from it, so that slots mean what they meant.</summary>
public static unsafe class SnapshotReader
{
    /// <summary>Services, real servers, their targets, next hops and source addresses of the newest published snapshot, or null if there is no good one.</summary>
    public static SnapshotContent? Read(Region region)
    {
        ulong word = Volatile.Read(ref region.Header.Published);
        if (word == 0 || SnapshotWord.Slot(word) >= Limits.SnapshotSlots
            || SnapshotVerifier.Verify(region.SnapshotSlot(SnapshotWord.Slot(word)), SnapshotWord.Generation(word), out _) != SnapshotFault.None)
        {
            return null;
        }

        SnapshotView view = new(region.SnapshotSlotStart(SnapshotWord.Slot(word)));
        SnapshotContent content = new();
        Copy(view.Services, view.ServiceCount, content.Services);
        Copy(view.Servers, view.ServerCount, content.Servers);
        Copy(view.NextHops, view.NextHopCount, content.NextHops);
        Copy(view.Targets, view.TargetCount, content.Targets);
        Copy(view.Sources, view.SourceCount, content.Sources);
        return content;
    }

    private static void Copy<T>(T* from, int count, List<T> to)
        where T : unmanaged
    {
        CollectionsMarshal.SetCount(to, count);
        new ReadOnlySpan<T>(from, count).CopyTo(CollectionsMarshal.AsSpan(to));
    }
}
