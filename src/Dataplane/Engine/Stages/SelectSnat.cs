using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Finds the flow of what <see cref="ClassifySnat"/> has marked, or opens one if a rule takes it: the first that does. The flow has
/// its local port from its first packet on.
/// </summary>
internal static unsafe class SelectSnat
{
    /// <summary>Selects for one packet. False if no rule takes it: then it goes on as if it had not been marked. <paramref name="isHome"/>: it is known to be at its home worker.</summary>
    public static bool TryRun(EngineState* state, Burst* burst, int i, bool isHome)
    {
        SnatTuple t = SnatTuple.Of(burst, i);
        bool isError = (burst->Path[i] & PacketPath.Error) != 0;
        uint hash = burst->Hash[i] = SnatFlows.Hash(t);
        FlowTable6.Entry* entry = SnatFlows.Find(state, t, hash);
        if (entry != null && IsLive(state, burst, i, entry, t) && (isError || TryGoOn(state, burst, i, entry)))
        {
            Use(state, burst, i, entry, isError);
            return true;
        }

        if (!SnatLookup.TryFind(state, burst, i, t, out uint server))
        {
            // A rule was changed: the way back ends, too. Not because the packet came by another interface: anybody could send it.
            if (entry != null && !isError && !SnatLookup.TryFind(state, burst, i, t, out _, byAnyInterface: true))
            {
                burst->Forget(&entry->Value);
                FlowSweep.Remove6(state, entry);
                state->Block->Flows6 = state->Flows6.Count;
            }

            return false;
        }

        if (!isHome && state->UsesHandOver != 0 && HomeWorker.TryHandOver(state, burst, i, HomeOf(state, t)))
        {
            return true;
        }

        if (!isError)
        {
            Open(state, burst, i, t, entry, server);
        }

        return !isError;
    }

    /// <summary>A packet that was marked as a reply or error of a NAT server and is none; it is where such replies live, and so the flow of its sender does here.</summary>
    public static bool TryInstead(EngineState* state, Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        bool v4 = (ip[0] >> 4) == 4;
        byte flags = (byte)(burst->Path[i] & PacketPath.Error), tcpFlags = burst->TcpFlags[i];
        byte* l4 = ip + (v4 ? (ip[0] & 0xF) * 4 : burst->L4Offset[i]);
        byte protocol = ip[9];
        if (flags != 0)
        {
            byte* quoted = l4 + ClassifyKnown.ErrorBytes;
            protocol = quoted[v4 ? 9 : 6];
        }
        else if (!v4)
        {
            protocol = (byte)(state->View.ServerKeys6[burst->NextHop[i]].Rest >> 48);
        }

        if (!ClassifySnat.TryMark(state, burst, i, ip, l4, protocol, flags))
        {
            return false;
        }

        burst->TcpFlags[i] = tcpFlags;
        return TryRun(state, burst, i, isHome: true);
    }

    /// <summary>Whether a later fragment's packet would be one of an inside host.</summary>
    public static bool Covers(EngineState* state, Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        SnatTuple t = SnatTuple.Of(ip, ip, 0, isFromClient: true);
        return state->View.SnatRuleCount != 0 && ClassifySnat.GoesElsewhere(state, ip) && SnatLookup.TryFind(state, burst, i, t, out _);
    }

    private static void Use(EngineState* state, Burst* burst, int i, FlowTable6.Entry* entry, bool isError)
    {
        ref WorkerCounters counters = ref state->Block->Counters;
        counters.FlowHits += isError ? 0u : 1;
        counters.FlowErrors += isError ? 1u : 0;
        burst->Server[i] = FlowValue.Server(entry->Value);
        burst->Flow[i] = (ulong)&entry->Value;
    }

    /// <summary>Whether its rule and source address are still there, and the rule still takes the packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsLive(EngineState* state, Burst* burst, int i, FlowTable6.Entry* entry, in SnatTuple t)
    {
        ulong value = entry->Value;
        uint slot = FlowValue.Server(value);
        if (slot >= (uint)state->View.ServerCount || FlowValue.IsExpired(value, state->NowMs))
        {
            return false;
        }

        ServerEntry* server = state->View.Servers + slot;
        return server->Valid != 0 && server->Incarnation == FlowValue.Incarnation(value) && server->Method == ForwardingMethod.SourceNat
            && LocalPorts.Find(state, &entry->Value, ipVersion: 6) != 0 && SnatLookup.Takes(state, burst, i, server->SnatRule, t);
    }

    /// <summary>Next state and deadline. False if the host uses its port again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryGoOn(EngineState* state, Burst* burst, int i, FlowTable6.Entry* entry)
    {
        uint server = FlowValue.Server(entry->Value), flowState = FlowValue.State(entry->Value);
        uint table = TableOf(state->View.Servers + server, SnatFlows.ProtocolOf(entry));
        uint next = state->NextState[(table * FlowStates.TableSize) + (flowState * FlowStates.FlagCount) + (uint)(burst->TcpFlags[i] & FlowStates.FlagMask)];
        if (next == (uint)FlowState.None)
        {
            return false;
        }

        entry->Value = FlowValue.With(entry->Value, next, state->DeadlineMs(state->View.Servers[server].Timeouts, next));
        if ((next & FlowValue.StateMask) != flowState)
        {
            FlowCounts.Change(state->Servers + server, flowState, next);
        }

        return true;
    }

    /// <summary>A server of SNAT has flows of all protocols.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint TableOf(ServerEntry* server, byte protocol) => server->StateTable + (protocol == Wire.Sctp ? (uint)ServerEntry.StateTablesSctp : 0);

    /// <summary>Where ports spread TCP and UDP in a known way (ADR 0022), the worker that gets the host's packets; else by its address and port.</summary>
    private static uint HomeOf(EngineState* state, in SnatTuple t)
    {
        if (state->RssClasses != 0 && t.Protocol is Wire.Tcp or Wire.Udp)
        {
            return RssSpread.WorkerOf(state, RssSpread.Words(t.Client.High, t.Client.Low) ^ RssSpread.Words(t.Destination.High, t.Destination.Low) ^ RssSpread.Ports(t.ClientPort, t.DestinationPort));
        }

        return t.IpVersion == 4
            ? HomeWorker.Of4(state, t.Client.High | ((ulong)t.ClientPort << 32))
            : HomeWorker.Of6(state, t.Client.High, t.Client.Low, (ulong)t.ClientPort << 32);
    }

    /// <summary>Opens a flow, in the place of an ended one of the same ends if there is one.</summary>
    private static void Open(EngineState* state, Burst* burst, int i, in SnatTuple t, FlowTable6.Entry* entry, uint slot)
    {
        ServerEntry* server = state->View.Servers + slot;
        ulong displaced = 0;
        if (entry != null)
        {
            displaced = entry->Value;
        }
        else
        {
            entry = SnatFlows.Insert(state, t, burst->Hash[i], out displaced);
        }

        if (entry == null)
        {
            state->Block->Counters.FlowTableFull++;
            burst->Drop(i, DropReason.FlowTableFull);
            return;
        }

        if (displaced != 0)
        {
            Select.Displace(state, displaced, &entry->Value, ipVersion: 6);
        }

        DropReason fault = Begin(state, burst, i, t, entry, server);
        if (fault != DropReason.None)
        {
            burst->Drop(i, fault);
            if (displaced != 0)
            {
                burst->Forget(&entry->Value);
            }

            state->Flows6.Remove(entry);
        }
        else
        {
            Count(state, burst, i, t, entry, slot);
        }

        state->Block->Flows6 = state->Flows6.Count;
    }

    /// <summary>Gives a flow its local port; its destination is kept beside it.</summary>
    private static DropReason Begin(EngineState* state, Burst* burst, int i, in SnatTuple t, FlowTable6.Entry* entry, ServerEntry* server)
    {
        ServiceEntry* service = state->View.Services + server->Service;
        if (t.Protocol == Wire.Tcp && (service->Flags & ServiceFlags.SynOnly) != 0 && !IsOpening(Wire.Tcp, burst->TcpFlags[i]))
        {
            return DropReason.NotSyn;
        }

        uint word = LocalPorts.Take(state, &entry->Value, ipVersion: 6, service, t.Protocol, RssSpread.Words(t.Destination.High, t.Destination.Low) ^ RssSpread.Ports(t.DestinationPort, 0), burst->Hash[i]);
        if (word == 0)
        {
            return DropReason.NoLocalPort;
        }

        *state->Ports.DestinationOf(word, t.Protocol) = t.Destination;
        return DropReason.None;
    }

    /// <summary>As with services, but for SYN with ACK: with it an inside host answers what has reached it past the director.</summary>
    private static bool IsOpening(byte protocol, byte flags) => FlowStates.IsOpening(protocol, flags) && (protocol != Wire.Tcp || (flags & Wire.Ack) == 0);

    private static void Count(EngineState* state, Burst* burst, int i, in SnatTuple t, FlowTable6.Entry* entry, uint slot)
    {
        ServerEntry* server = state->View.Servers + slot;
        byte flags = burst->TcpFlags[i];
        ref WorkerCounters counters = ref state->Block->Counters;
        FlowState flowState = SnatTuple.IsEcho(t.Protocol) ? FlowState.Udp : FlowStates.First(t.Protocol, (int)TableOf(server, t.Protocol), flags);
        entry->Value = FlowValue.Pack(slot, server->Incarnation, flowState, state->DeadlineMs(server->Timeouts, (uint)flowState));
        state->Servers[slot].Connections++;
        FlowCounts.Enter(state, slot, server->Service, (uint)flowState);
        counters.FlowsCreated++;
        counters.FlowsMidstream += Wire.HasPorts(t.Protocol) && !IsOpening(t.Protocol, flags) ? 1u : 0;
        burst->Server[i] = slot;
        burst->Flow[i] = (ulong)&entry->Value;
    }
}
