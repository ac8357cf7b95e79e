namespace Forwarder.Abi;

/// <summary>Where mbufs can be at one moment: the pool must be at least their sum, or a queue runs dry.</summary>
/// <param name="RxDescriptors">In Rx rings: ports × workers × descriptors.</param>
/// <param name="TxDescriptors">In Tx rings.</param>
/// <param name="InHand">In workers' hands: a burst, a Tx buffer per port, the pool's cache per lcore.</param>
/// <param name="Rings">Between workers and housekeeping.</param>
/// <param name="Waiting">Waiting for a neighbour.</param>
/// <param name="HandOver">In the rings between workers.</param>
public readonly record struct MbufPlan(int RxDescriptors, int TxDescriptors, int InHand, int Rings, int Waiting, int HandOver)
{
    /// <summary>Entries of the rings between a worker and housekeeping, and of DPDK's per-lcore cache (it may hold half as many again).</summary>
    public const int RingEntries = 1_024, CacheEntries = 384;

    /// <summary>Entries of the ring of urgent frames from a worker to housekeeping, and of the ring back those that only the host's frames may take.</summary>
    public const int UrgentEntries = 256, InjectReserve = RingEntries / 4;

    /// <summary>Entries of the ring from a worker to housekeeping that packets may not take whose senders are to be told: a scan must not crowd out what waits for a neighbour.</summary>
    public const int RefusalReserve = RingEntries / 2;

    /// <summary>Packets waiting for neighbours, and packets of a Tx buffer.</summary>
    public const int WaitingMax = 1_024, TxBufferEntries = 64;

    /// <summary>Entries of all rings from one worker to the others together, and the least of each.</summary>
    public const int HandOverEntriesPerWorker = 2_048, HandOverEntriesMin = 64;

    /// <summary>All of them.</summary>
    public int Total => RxDescriptors + TxDescriptors + InHand + Rings + Waiting + HandOver;

    /// <summary>Entries of the ring from one worker to another: a power of two.</summary>
    public static int HandOverEntries(int workers) =>
        (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(HandOverEntriesMin, HandOverEntriesPerWorker / Math.Max(1, workers - 1)));

    /// <summary>The plan for so many workers and these ports.</summary>
    public static MbufPlan For(IReadOnlyList<PortConfig> ports, int workers) => new(
        ports.Sum(p => p.RxDescriptors) * workers,
        ports.Sum(p => p.TxDescriptors) * workers,
        (workers * (Limits.BurstMax + (ports.Count * TxBufferEntries))) + ((workers + 1) * CacheEntries),
        workers * ((2 * RingEntries) + UrgentEntries),
        WaitingMax,
        workers * (workers - 1) * HandOverEntries(workers));

    /// <summary>DPDK's memory in MiB for these mbufs and flow tables and local ports: with the pools' and the heap's own overhead.</summary>
    public static int MemoryMiB(int mbufs, int mbufDataBytes, int workers, int flowsPerWorker, int sourceAddresses = 0)
    {
        // 128 bytes of header and 64 of mempool object beside the data; flow tables: 32 and 64 bytes per flow, 24 for the end of each, powers of two.
        long pool = (long)mbufs * (mbufDataBytes + 128 + 64 + 128);
        long flows = (long)workers * System.Numerics.BitOperations.RoundUpToPowerOf2((uint)flowsPerWorker) * (32 + 64 + 48);
        // For each local port a flow, a place in the queue of free ones and SNAT's destination.
        long ports = (long)sourceAddresses * 2 * ((1 << 16) + (2 * workers)) * (4 + 2 + 16);
        return (int)(((pool + flows + ports) * 5 / 4 / (1 << 20)) + 48);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Total} = {RxDescriptors} in Rx rings + {TxDescriptors} in Tx rings + {InHand} in workers' hands + {Rings} in rings to housekeeping + {Waiting} waiting for neighbours + {HandOver} in rings between workers";
}
