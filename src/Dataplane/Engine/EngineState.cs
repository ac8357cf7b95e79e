using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Everything that one worker's stages read and write, in native memory. The worker owns it; nobody else writes to it.
/// </summary>
public unsafe struct EngineState
{
    /// <summary>The snapshot in use.</summary>
    public SnapshotView View;
    /// <summary>Flows of IPv4 clients.</summary>
    public FlowTable4 Flows4;
    /// <summary>Flows of IPv6 clients.</summary>
    public FlowTable6 Flows6;
    /// <summary>Neighbour words by next-hop slot; written by housekeeping.</summary>
    public ulong* Neighbours;
    /// <summary>Lease words by VRRP group, see <see cref="Region.Leases"/>.</summary>
    public ulong* Leases;
    /// <summary>CLOCK_MONOTONIC in ns at the start of the turn; kept only while <see cref="UsesLeases"/>.</summary>
    public ulong NowNs;
    /// <summary>1 if VIPs of the snapshot belong to VRRP groups.</summary>
    public uint UsesLeases;
    /// <summary>1 if ports have virtual router MAC addresses beside their own.</summary>
    public uint UsesVirtualMacs;
    /// <summary>This worker's index, and workers of the dataplane.</summary>
    public uint WorkerIndex, WorkerCount;
    /// <summary>Classes of packets that ports spread over the workers' queues in a known way (<see cref="RssSpread"/>), a power of two; 0 = how they do it is not known.</summary>
    public uint RssClasses;
    /// <summary>1 if workers hand packets over to each other: there are several, and servers behind NAT.</summary>
    public uint UsesHandOver;
    /// <summary>The worker's counters and drop reasons.</summary>
    public WorkerBlock* Block;
    /// <summary>The worker's counters by server slot, and by source slot of FullNAT.</summary>
    public ServerCounters* Servers;
    public SourceCounters* Sources;
    /// <summary>The worker's counters by service slot, and what it is told of the other workers' flows.</summary>
    public ServiceCounters* Services;
    public uint* Others;
    /// <summary>Local ports of FullNAT.</summary>
    public LocalPorts Ports;
    /// <summary>Fragmented datagrams on their way.</summary>
    public FragmentTable Fragments;
    /// <summary>Time of this turn in ms; wraps.</summary>
    public uint NowMs;
    /// <summary>Identification of the last outer IPv4 header that was made.</summary>
    public ushort TunnelId;
    /// <summary>Where the sweep goes on, the buckets that it still owes, and the time up to which they are reckoned.</summary>
    public uint SweepBucket4, SweepBucket6, SweepOwed4, SweepOwed6, SweepMs;
    /// <summary>Removal that <see cref="FlowRemovals"/> is at, and the entry where it goes on.</summary>
    public ulong RemovalSequence;
    public uint RemovalAt;
    /// <summary>Idle time-out by set and <see cref="FlowState"/>, in ms.</summary>
    public fixed uint TimeoutMs[Limits.FlowTimeoutsMax * FlowStates.NumberCount];
    /// <summary>Next state by table, state and TCP flags or SCTP event, see <see cref="FlowStates.Fill"/>.</summary>
    public fixed byte NextState[FlowStates.TableCount * FlowStates.TableSize];
    /// <summary>MTU of each port that has an interface.</summary>
    public fixed ushort PortMtuBytes[Limits.PortsMax];
    /// <summary>Last hops of clients by number, and flows that hold each, see <see cref="LastHops"/>.</summary>
    public fixed ulong LastHop[LastHops.Capacity];
    public fixed uint LastHopUses[LastHops.Capacity];
    /// <summary>MAC address of each port, first byte lowest.</summary>
    public fixed ulong PortMac[Limits.PortsMax];

    /// <summary>Sets up what does not change while the worker runs. Flow tables must be made already.</summary>
    public static void Initialize(EngineState* state, ulong* neighbours, ulong* leases, WorkerBlock* block, ServerCounters* servers, SourceCounters* sources, ServiceCounters* services, uint* others, ReadOnlySpan<ulong> portMacs, int workerIndex = 0, int workerCount = 1)
    {
        state->WorkerIndex = (uint)workerIndex;
        state->WorkerCount = (uint)workerCount;
        state->Neighbours = neighbours;
        state->Leases = leases;
        state->Block = block;
        state->Servers = servers;
        state->Sources = sources;
        state->Services = services;
        state->Others = others;
        for (int source = 0; source < Limits.SourcesMax; source++)
        {
            sources[source].PortsInUse = 0;
        }

        FlowStates.Fill(state->NextState);
        for (int port = 0; port < portMacs.Length; port++)
        {
            state->PortMac[port] = portMacs[port];
        }

        // The flow table starts empty, so nothing is connected; what was counted before a restart stays.
        for (int server = 0; server < Limits.ServersMax; server++)
        {
            if ((servers[server].ActiveConnections | servers[server].InactiveConnections) != 0)
            {
                servers[server].ActiveConnections = 0;
                servers[server].InactiveConnections = 0;
            }
        }

        for (int service = 0; service < Limits.ServicesMax; service++)
        {
            if (services[service].Connections != 0)
            {
                services[service].Connections = 0;
            }
        }

        block->Flows4Capacity = (ulong)state->Flows4.BucketCount * FlowTable4.Ways;
        block->Flows6Capacity = (ulong)state->Flows6.BucketCount * FlowTable6.Ways;
    }

    /// <summary>Takes up another snapshot.</summary>
    public static void UseSnapshot(EngineState* state, in SnapshotView view)
    {
        state->View = view;
        state->UsesLeases = view.Header->VrrpGroupsEnd != 0 ? 1u : 0;
        state->UsesVirtualMacs = view.Header->VirtualMacs != 0 ? 1u : 0;
        state->UsesHandOver = view.Header->TwoWayServers != 0 && state->WorkerCount > 1 ? 1u : 0;
        for (int set = 0; set < view.TimeoutsCount; set++)
        {
            SetTimeouts(state->TimeoutMs + (set * FlowStates.NumberCount), view.Timeouts[set]);
        }

        for (int i = 0; i < view.InterfaceCount; i++)
        {
            state->PortMtuBytes[view.Interfaces[i].Port] = view.Interfaces[i].MtuBytes;
        }
    }

    private static void SetTimeouts(uint* timeoutMs, in FlowTimeouts timeouts)
    {
        for (int state = 0; state < FlowStates.NumberCount; state++)
        {
            timeoutMs[state] = timeouts.Of((FlowState)state);
        }
    }

    /// <summary>Whether VIPs of a VRRP group are this director's now; those of no group (0) always are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool Owns(uint group) => group == 0 || Volatile.Read(ref Leases[group]) > NowNs;

    /// <summary>Deadline of a flow that is in a state now. Rounded to <see cref="DeadlineGrainMs"/>, so that a busy flow is not written with every packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly uint DeadlineMs(uint timeouts, uint state) => (NowMs + TimeoutMs[(timeouts * FlowStates.NumberCount) + state] + DeadlineGrainMs) & ~(DeadlineGrainMs - 1);

    /// <summary>Grain of a deadline in ms; a power of two. A flow lives up to this much longer than its time-out.</summary>
    public const uint DeadlineGrainMs = 256;
}
