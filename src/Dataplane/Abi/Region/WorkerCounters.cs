using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>Counters of one worker; single writer.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct WorkerCounters
{
    /// <summary>Frames and bytes taken from the ports' Rx queues.</summary>
    public ulong RxPackets, RxBytes;
    /// <summary>Frames and bytes that the ports' Tx queues took (forwarded and injected).</summary>
    public ulong TxPackets, TxBytes;
    /// <summary>Packets of virtual services sent towards a real server.</summary>
    public ulong ForwardedPackets, ForwardedBytes;
    /// <summary>Frames handed to housekeeping: ARP, ND, ICMP, everything for the host.</summary>
    public ulong PuntedPackets;
    /// <summary>Packets handed to housekeeping to wait for a neighbour.</summary>
    public ulong QueuedPackets;
    /// <summary>Frames that housekeeping gave this worker to send.</summary>
    public ulong InjectedPackets;
    /// <summary>Packets whose flow was in the table.</summary>
    public ulong FlowHits;
    /// <summary>Flows put into the table.</summary>
    public ulong FlowsCreated;
    /// <summary>Flows removed by time-out.</summary>
    public ulong FlowsExpired;
    /// <summary>Flows whose real server had gone and that were given another.</summary>
    public ulong FlowsRescheduled;
    /// <summary>Closed flows whose client used the same port for a new one.</summary>
    public ulong FlowsReused;
    /// <summary>New flows that found no room in the table and were forwarded statelessly.</summary>
    public ulong FlowTableFull;
    /// <summary>Non-SYN TCP packets without a flow that were scheduled as new (after a restart or a change of path).</summary>
    public ulong FlowsMidstream;
    /// <summary>Packets of servers behind NAT sent back to their clients; part of the forwarded ones.</summary>
    public ulong ReplyPackets, ReplyBytes;
    /// <summary>ICMP errors that quote a packet of a flow; they go to its server or client.</summary>
    public ulong FlowErrors;
    /// <summary>Packets of two-way flows (NAT) given to their home worker, and taken from the workers where they arrived.</summary>
    public ulong HandedOver, TakenOver;
    /// <summary>Packets without a flow here, of services with FullNAT alone, that a port which spreads in a known way brought to another worker than reckoned: fragments, and all if the port does it otherwise.</summary>
    public ulong RssElsewhere;
    /// <summary>Flows removed because control asked for it.</summary>
    public ulong FlowsRemoved;
    /// <summary>Datagrams whose first fragment was passed on, and later fragments passed on after it.</summary>
    public ulong FragmentedPackets, FragmentsFollowed;
    /// <summary>Datagrams whose place in the fragment table was given to a newer one before they were complete.</summary>
    public ulong FragmentsEvicted;
    /// <summary>Segments of clients in which a TOA option of their own was overwritten, and those in which other options gave way to the director's (clientAddress toa).</summary>
    public ulong ToaForged, ToaOptionsCut;
    /// <summary>Turns of the loop, and those that found no packet.</summary>
    public ulong Turns, IdleTurns;
}
