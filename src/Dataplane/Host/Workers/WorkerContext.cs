using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Dataplane;

/// <summary>Everything of one worker, in native memory of its NUMA node. Filled by start-up, then the worker's alone, but for <see cref="Stop"/>.</summary>
public unsafe struct WorkerContext
{
    /// <summary>What the stages work on.</summary>
    public EngineState Engine;
    /// <summary>The packets in hand.</summary>
    public Burst Burst;

    /// <summary>Index of the worker; also its Rx and Tx queue on every port.</summary>
    public int Index;
    /// <summary>Set to 1 by housekeeping to end the loop.</summary>
    public uint Stop;
    /// <summary>Ports, and DPDK's number of each.</summary>
    public int PortCount;
    public fixed ushort DpdkPort[Limits.PortsMax];
    /// <summary>1 for ports whose packets come from a kernel without a NIC between, see <see cref="PartialChecksums"/>.</summary>
    public fixed byte FromKernel[Limits.PortsMax];

    /// <summary>The region's header, the first snapshot slot and the bytes to the next.</summary>
    public RegionHeader* Region;
    public byte* SnapshotSlots;
    public long SnapshotSlotStrideBytes;
    /// <summary>The snapshot in use, see <see cref="SnapshotWord"/>.</summary>
    public ulong SnapshotWord;

    /// <summary>rte_eth_rx_burst and rte_eth_tx_burst: port, queue, mbufs, count → count.</summary>
    public delegate* unmanaged<ushort, ushort, ulong*, ushort, ushort> RxBurst;
    public delegate* unmanaged<ushort, ushort, ulong*, ushort, ushort> TxBurst;
    /// <summary>rte_pktmbuf_free_bulk: mbufs, count.</summary>
    public delegate* unmanaged<ulong*, uint, void> FreeBulk;
    /// <summary>Sleeps for some microseconds.</summary>
    public delegate* unmanaged<uint, void> SleepUs;

    /// <summary>To housekeeping: punted packets and packets that wait for a neighbour.</summary>
    public PacketRing ToHousekeeping;
    /// <summary>To housekeeping, taken first: VRRP, ARP, neighbour discovery.</summary>
    public PacketRing Urgent;
    /// <summary>From housekeeping: frames to send.</summary>
    public PacketRing FromHousekeeping;

    /// <summary>To each other worker and from it: packets of flows whose home is there, or here.</summary>
    public PacketRings HandOverTo, HandOverFrom;

    /// <summary>Packets to send, by port.</summary>
    public TxBuffers Tx;
    /// <summary>Packets to free at the end of the turn.</summary>
    public int FreeCount;
    public fixed ulong Free[Limits.BurstMax];

    /// <summary>Sleep of an idle turn in µs; 0 = spin.</summary>
    public uint IdleSleepUs;
    /// <summary>Turns in a row without a packet.</summary>
    public uint IdleTurns;
    /// <summary>Turns since the clock was read.</summary>
    public uint TurnsSinceClock;

    /// <summary>One <see cref="PacketRing"/> per worker.</summary>
    [System.Runtime.CompilerServices.InlineArray(Limits.WorkersMax)]
    public struct PacketRings
    {
        private PacketRing _element0;
    }

    /// <summary>One <see cref="TxBuffer"/> per port.</summary>
    [System.Runtime.CompilerServices.InlineArray(Limits.PortsMax)]
    public struct TxBuffers
    {
        private TxBuffer _element0;
    }
}
