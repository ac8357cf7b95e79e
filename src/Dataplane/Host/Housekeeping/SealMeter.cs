namespace Forwarder.Dataplane;

/// <summary>What the process has allocated on the managed heap since the seal. Must be read by the thread that has set it. Reading it allocates nothing.</summary>
public struct SealMeter
{
    private long _bytes, _threadBytes;
    private int _collections;

    /// <summary>Collects what start-up has left, and counts from here.</summary>
    public void Set()
    {
        // A collection wakes the finalizer thread, which allocates, too: it must have done its work before the count starts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        _bytes = GC.GetTotalAllocatedBytes();
        _threadBytes = GC.GetAllocatedBytesForCurrentThread();
        _collections = GC.CollectionCount(0);
    }

    /// <summary>Bytes allocated: by all threads (counted in chunks of the allocator's) or by this one (counted by the byte), whichever is more.</summary>
    public readonly ulong AllocatedBytes => (ulong)Math.Max(GC.GetTotalAllocatedBytes() - _bytes, GC.GetAllocatedBytesForCurrentThread() - _threadBytes);

    /// <summary>Collections run.</summary>
    public readonly ulong Collections => (ulong)(GC.CollectionCount(0) - _collections);
}
