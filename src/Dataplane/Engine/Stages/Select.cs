using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Second stage: finds the packet's flow, or gives a new flow a real server. After it a packet is dropped or carries its
/// server. Packets whose flow is in its first bucket are done in one pass for each IP version; the others are few and come after
/// it, when their second bucket has arrived.
/// </summary>
public static unsafe class Select
{
    /// <summary>Places of a Maglev table that are tried for a server that is not full.</summary>
    private const uint MaglevPlacesMax = 64;

    /// <summary>Selects a server for each undecided packet of the burst.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state, Burst* burst)
    {
        int missed = 0;
        uint hits = 0;
        for (int i = 0; i < burst->Count; i++)
        {
            if (burst->Verdicts[i] != (byte)Verdict.None)
            {
                continue;
            }

            if (burst->Path[i] != PacketPath.Ipv4)
            {
                burst->Missed[missed++] = (byte)i;
                continue;
            }

            ulong* bucket = state->Flows4.First(burst->Hash[i]);
            uint match = FlowTable4.Match(bucket, burst->Key[i]);
            if (match != 0 && TryUse(state, burst, i, bucket + FlowTable4.Ways + BitOperations.TrailingZeroCount(match)))
            {
                hits++;
            }
            else
            {
                Sse.Prefetch0(state->Flows4.Second(burst->Hash[i]));
                burst->Missed[missed++] = (byte)i;
            }
        }

        state->Block->Counters.FlowHits += hits;
        if (missed != 0)
        {
            missed = FirstBuckets6(state, burst, missed);
            Missed(state, burst, missed);
        }
    }

    /// <summary>The pass over IPv6 packets, which are few or all: those whose flow is not in its first bucket, and all others, stay in the list.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int FirstBuckets6(EngineState* state, Burst* burst, int count)
    {
        int missed = 0;
        uint hits = 0;
        for (int n = 0; n < count; n++)
        {
            int i = burst->Missed[n];
            if (burst->Path[i] == PacketPath.Ipv6)
            {
                byte* client = (byte*)burst->Frame[i] + burst->L3Offset[i] + 8;
                FlowTable6.Entry* entry = FlowTable6.FindIn(state->Flows6.First(burst->Hash[i]), *(ulong*)client, *(ulong*)(client + 8), burst->Key[i]);
                if (entry != null && TryUse(state, burst, i, &entry->Value))
                {
                    hits++;
                    continue;
                }

                FlowTable6.Prefetch(state->Flows6.Second(burst->Hash[i]));
            }

            burst->Missed[missed++] = (byte)i;
        }

        state->Block->Counters.FlowHits += hits;
        return missed;
    }

    /// <summary>Goes on with a flow from the table: its server if that is still there, its next state, its deadline. False if the flow must be scheduled anew.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryUse(EngineState* state, Burst* burst, int i, ulong* value)
    {
        ulong old = *value;
        uint server = FlowValue.Server(old);
        uint flowState = FlowValue.State(old);
        uint flags = burst->TcpFlags[i];
        if (server >= (uint)state->View.ServerCount)
        {
            return false;
        }

        ServerEntry* entry = state->View.Servers + server;
        if (entry->Valid != ServerEntry.InUse || entry->Incarnation != FlowValue.Incarnation(old) || FlowValue.IsExpired(old, state->NowMs))
        {
            return false;
        }

        uint next = state->NextState[((uint)entry->StateTable * FlowStates.TableSize) + (flowState * FlowStates.FlagCount) + (flags & FlowStates.FlagMask)];
        if (next == (uint)FlowState.None)
        {
            return false; // the client uses the port again
        }

        ulong updated = FlowValue.With(old, next, state->DeadlineMs(entry->Timeouts, next));
        if (updated != old)
        {
            *value = updated;
            if ((next & FlowValue.StateMask) != flowState)
            {
                FlowCounts.Change(state->Servers + server, flowState, next);
            }
        }

        burst->Server[i] = server;
        burst->Flow[i] = (ulong)value;
        return true;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Missed(EngineState* state, Burst* burst, int missed)
    {
        for (int n = 0; n < missed;)
        {
            int i = burst->Missed[n];
            switch (burst->Path[i])
            {
                case PacketPath.Ipv4:
                    Missed4(state, burst, i);
                    n++;
                    break;
                case PacketPath.Ipv6:
                    Missed6(state, burst, i);
                    n++;
                    break;
                default:
                    n = SelectKnown.Run(state, burst, n, missed);
                    break;
            }
        }
    }

    /// <summary>Whether a flow has lost its server, and waits for its time-out, or for the server to come back. A SYN or INIT on the port of a closed flow does not wait.</summary>
    private static bool IsKept(EngineState* state, Burst* burst, int i, ulong value) =>
        (state->View.Services[burst->Service[i]].Flags & ServiceFlags.KeepNoDestination) != 0 && !HasServer(state, value) && !FlowValue.IsExpired(value, state->NowMs)
        && state->NextState[(FlowStates.FirstTable(state->View.Services[burst->Service[i]].Protocol) * FlowStates.TableSize) + (FlowValue.State(value) * FlowStates.FlagCount) + (uint)(burst->TcpFlags[i] & FlowStates.FlagMask)] != (byte)FlowState.None;

    private static bool HasServer(EngineState* state, ulong value)
    {
        uint server = FlowValue.Server(value);
        return server < (uint)state->View.ServerCount && state->View.Servers[server].Valid != 0 && state->View.Servers[server].Incarnation == FlowValue.Incarnation(value);
    }

    private static void Missed4(EngineState* state, Burst* burst, int i)
    {
        uint hash = burst->Hash[i];
        ulong key = burst->Key[i];
        ulong* value = state->Flows4.Find(hash, key); // again in the first: an earlier packet of this burst may have opened the flow
        if (value != null && TryUse(state, burst, i, value))
        {
            state->Block->Counters.FlowHits++;
            return;
        }

        if (value != null && IsKept(state, burst, i, *value))
        {
            burst->Drop(i, DropReason.NoDestination);
            return;
        }

        if (state->UsesHandOver != 0 && state->View.Services[burst->Service[i]].TwoWay != 0 && HomeWorker.TryHandOver(state, burst, i, HomeWorker.OfRequest4(state, burst->Service[i], key)))
        {
            return;
        }

        ulong displaced = 0;
        if (value != null)
        {
            displaced = *value;
        }
        else
        {
            value = state->Flows4.Insert(hash, key, state->NowMs, out displaced);
        }

        ulong fresh = Open(state, burst, i, displaced, value);
        if (fresh != 0)
        {
            *value = fresh;
            burst->Flow[i] = (ulong)value;
        }
        else if (value != null)
        {
            if (displaced != 0)
            {
                burst->Forget(value);
            }

            state->Flows4.Remove(value);
        }

        state->Block->Flows4 = state->Flows4.Count;
    }

    private static void Missed6(EngineState* state, Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        ulong high = *(ulong*)(ip + 8), low = *(ulong*)(ip + 16), rest = burst->Key[i];
        FlowTable6.Entry* entry = state->Flows6.Find(burst->Hash[i], high, low, rest);
        if (entry != null && TryUse(state, burst, i, &entry->Value))
        {
            state->Block->Counters.FlowHits++;
            return;
        }

        if (entry != null && IsKept(state, burst, i, entry->Value))
        {
            burst->Drop(i, DropReason.NoDestination);
            return;
        }

        if (state->UsesHandOver != 0 && state->View.Services[burst->Service[i]].TwoWay != 0 && HomeWorker.TryHandOver(state, burst, i, HomeWorker.OfRequest6(state, burst->Service[i], high, low, rest)))
        {
            return;
        }

        ulong displaced = 0;
        if (entry != null)
        {
            displaced = entry->Value;
        }
        else
        {
            entry = state->Flows6.Insert(burst->Hash[i], high, low, rest, state->NowMs, out displaced);
        }

        ulong fresh = Open(state, burst, i, displaced, entry == null ? null : &entry->Value);
        if (fresh != 0)
        {
            entry->Value = fresh;
            burst->Flow[i] = (ulong)&entry->Value;
        }
        else if (entry != null)
        {
            if (displaced != 0)
            {
                burst->Forget(&entry->Value);
            }

            state->Flows6.Remove(entry);
        }

        state->Block->Flows6 = state->Flows6.Count;
    }

    /// <summary>
    /// Gives a flow a server. Returns the value for the table, or 0 if there is nothing to keep: no server, or no room
    /// (then the packet is forwarded by the Maglev table alone, which gives the same server while the set stays the same).
    /// </summary>
    private static ulong Open(EngineState* state, Burst* burst, int i, ulong displaced, ulong* value)
    {
        bool hasRoom = value != null;
        ref WorkerCounters counters = ref state->Block->Counters;
        if (displaced != 0)
        {
            Displace(state, displaced, value, PacketPath.Version(burst->Path[i]));
        }

        ServiceEntry* service = state->View.Services + burst->Service[i];
        // Without room nothing is known of the client's flows: their packets go by the Maglev table, as their SYN did.
        if (hasRoom && (service->Flags & ServiceFlags.SynOnly) != 0 && !FlowStates.IsOpening(service->Protocol, burst->TcpFlags[i]))
        {
            burst->Drop(i, DropReason.NotSyn);
            return 0;
        }

        uint server = !hasRoom ? ByMaglev(state, service, burst->Hash[i]) : ConnectionLimits.IsFull(state, service, burst->Service[i]) ? 0 : Schedule(state, service, burst->Hash[i]);
        if (server == 0)
        {
            Unserved(state, burst, i, service);
            return 0;
        }

        burst->Server[i] = server;
        burst->Flow[i] = 0;
        if (!hasRoom)
        {
            counters.FlowTableFull++;
            return 0;
        }

        byte flags = burst->TcpFlags[i];
        FlowState flowState = FlowStates.First(service->Protocol, state->View.Servers[server].StateTable, flags);
        state->Servers[server].Connections++;
        FlowCounts.Enter(state, server, burst->Service[i], (uint)flowState);
        counters.FlowsCreated++;
        if (service->Protocol == Wire.Sctp ? flags != SctpEvent.Init : service->Protocol == Wire.Tcp && (flags & Wire.Syn) == 0)
        {
            counters.FlowsMidstream++;
        }

        return FlowValue.Pack(server, state->View.Servers[server].Incarnation, flowState, state->DeadlineMs(service->Timeouts, (uint)flowState));
    }

    /// <summary>No server for a new flow: there is none, or limits of connections are reached.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Unserved(EngineState* state, Burst* burst, int i, ServiceEntry* service)
    {
        DropReason reason = service->MaglevSize == 0 ? DropReason.NoServer
            : ConnectionLimits.IsFull(state, service, burst->Service[i]) ? DropReason.ServiceFull : DropReason.ServersFull;
        state->Services[burst->Service[i]].Refused += reason == DropReason.NoServer ? 0u : 1;
        burst->Unserved(i, reason, (service->Flags & ServiceFlags.RejectNoServer) != 0);
    }

    /// <summary>A flow has lost its place to another one, or its server.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Displace(EngineState* state, ulong displaced, ulong* value, int ipVersion)
    {
        FlowCounts.Leave(state, displaced);
        LastHops.Leave(state, displaced);
        LocalPorts.Leave(state, value, ipVersion);
        CountDisplaced(state, displaced, ref state->Block->Counters);
    }

    private static void CountDisplaced(EngineState* state, ulong displaced, ref WorkerCounters counters)
    {
        if (FlowValue.IsExpired(displaced, state->NowMs))
        {
            counters.FlowsExpired++;
        }
        else if (HasServer(state, displaced) && state->View.Servers[FlowValue.Server(displaced)].Valid == ServerEntry.InUse)
        {
            counters.FlowsReused++;
        }
        else
        {
            counters.FlowsRescheduled++;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Schedule(EngineState* state, ServiceEntry* service, uint hash)
    {
        if (service->Scheduler == Scheduler.Wlc)
        {
            return LeastConnections(state, service);
        }

        uint server = ByMaglev(state, service, hash);
        return server != 0 && ConnectionLimits.IsFull(state, server) ? NextByMaglev(state, service, hash) : server;
    }

    /// <summary>
    /// The flow's own server takes no more: the next one in the table from the flow's place on that does. Other flows stay where they
    /// are. After some places the members are asked one after another, as they are fewer than places.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint NextByMaglev(EngineState* state, ServiceEntry* service, uint hash)
    {
        uint at = (uint)(((ulong)hash * service->MaglevSize) >> 32);
        uint* members = state->View.Members + service->MembersFirst;
        for (uint n = 1; n <= MaglevPlacesMax; n++)
        {
            uint server = members[state->View.Maglev[service->MaglevFirst + ((at + n) % service->MaglevSize)]];
            if (!ConnectionLimits.IsFull(state, server))
            {
                return server;
            }
        }

        for (uint n = 0; n < service->MembersCount; n++)
        {
            uint server = members[(hash + n) % service->MembersCount];
            if (state->View.Servers[server].Weight != 0 && !ConnectionLimits.IsFull(state, server))
            {
                return server;
            }
        }

        return 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint ByMaglev(EngineState* state, ServiceEntry* service, uint hash)
    {
        if (service->MaglevSize == 0)
        {
            return 0;
        }

        uint at = (uint)(((ulong)hash * service->MaglevSize) >> 32);
        return state->View.Members[service->MembersFirst + state->View.Maglev[service->MaglevFirst + at]];
    }

    /// <summary>IPVS's wlc: the smallest (active × 256 + inactive) / weight, by this worker's own counts; the first of equals.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint LeastConnections(EngineState* state, ServiceEntry* service)
    {
        uint best = 0;
        ulong bestLoad = 0, bestWeight = 0;
        uint* members = state->View.Members + service->MembersFirst;
        for (uint m = 0; m < service->MembersCount; m++)
        {
            uint server = members[m];
            ServerEntry* entry = state->View.Servers + server;
            ulong weight = entry->Weight;
            if (weight == 0 || ConnectionLimits.IsFull(state, server))
            {
                continue;
            }

            ulong load = FlowCounts.Load(state->Servers + server, entry->Incarnation);
            if (best == 0 || load * bestWeight < bestLoad * weight)
            {
                (best, bestLoad, bestWeight) = (server, load, weight);
            }
        }

        return best;
    }
}
