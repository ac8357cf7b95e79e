using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Finds the flow of what <see cref="ClassifyKnown"/> has marked. A reply has no entry of its own: the server's key leads
/// to the service, and client and service are the key of the flow. A server of several services is tried in each.
/// </summary>
internal static unsafe class SelectKnown
{
    /// <summary>From the n-th packet of <see cref="Burst.Missed"/> on all that are marked; returns the place of the first that is not. No flow is opened: what has none goes on as if it had not been marked.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Run(EngineState* state, Burst* burst, int n, int count)
    {
        for (; n < count; n++)
        {
            int i = burst->Missed[n];
            byte path = burst->Path[i];
            if (path is PacketPath.Ipv4 or PacketPath.Ipv6)
            {
                break;
            }

            if ((path & PacketPath.Snat) == 0)
            {
                Marked(state, burst, i, path);
            }
            else if (!SelectSnat.TryRun(state, burst, i, isHome: false))
            {
                Unknown(state, burst, i);
            }
        }

        return n;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Marked(EngineState* state, Burst* burst, int i, byte path)
    {
        bool isSnat = false;
        ulong* value = (path & PacketPath.Source) != 0 ? FindSource(state, burst, i, ref isSnat)
            : path == (PacketPath.Ipv4 | PacketPath.Reply) ? FindReply4(state, burst, i)
            : path == (PacketPath.Ipv6 | PacketPath.Reply) ? FindReply6(state, burst, i)
            : FindQuoted(state, burst, i, path);
        if (value == null)
        {
            Elsewhere(state, burst, i);
            return;
        }

        uint server = FlowValue.Server(*value);
        if (!state->Owns(state->View.Services[state->View.Servers[server].Service].VrrpGroup))
        {
            burst->Drop(i, DropReason.VipNotOwned);
            return;
        }

        if ((path & PacketPath.Error) == 0)
        {
            uint table = !isSnat ? state->View.Servers[server].StateTable : SelectSnat.TableOf(state->View.Servers + server, (byte)(burst->Key[i] >> 32));
            Advance(state, value, server, table, burst->TcpFlags[i]);
            state->Block->Counters.FlowHits++;
        }
        else
        {
            state->Block->Counters.FlowErrors++;
        }

        burst->Server[i] = server;
        burst->Flow[i] = (ulong)value;
    }

    /// <summary>Its flow is another worker's, or nobody's.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Elsewhere(EngineState* state, Burst* burst, int i)
    {
        if (state->UsesHandOver == 0 || !HomeWorker.TryHandOver(state, burst, i, Home(state, burst, i)))
        {
            Unknown(state, burst, i);
        }
    }

    /// <summary>The flow that has a local port, if the packet is from its server or quotes one to it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* FindSource(EngineState* state, Burst* burst, int i, ref bool isSnat)
    {
        uint key = (uint)burst->Key[i], slot = key >> 16, port = key & 0xFFFF;
        byte path = burst->Path[i];
        bool v4 = PacketPath.Version(path) == 4;
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + (v4 ? (ip[0] & 0xF) * 4 : burst->L4Offset[i]);
        byte* address = ip + (v4 ? 12 : 8), serverPort = l4;
        if ((path & PacketPath.Error) != 0)
        {
            byte* quoted = l4 + ClassifyKnown.ErrorBytes;
            address = quoted + (v4 ? 16 : 24);
            serverPort = quoted + (v4 ? (quoted[0] & 0xF) * 4 : Wire.Ipv6Bytes) + 2;
        }

        if (state->Ports.WorkerOf(port) != state->WorkerIndex)
        {
            return null;
        }

        ulong* value = LocalPorts.FindFlow(state, slot, (byte)(burst->Key[i] >> 32), port);
        if (value == null || !IsLive(state, *value, 0))
        {
            return null;
        }

        ServerEntry* server = state->View.Servers + FlowValue.Server(*value);
        byte protocol = (byte)(burst->Key[i] >> 32);
        if (state->View.Services[server->Service].Protocol != protocol)
        {
            // UDP, SCTP and echo share local ports. A rule of SNAT is of no protocol; its flows are.
            isSnat = server->Method == ForwardingMethod.SourceNat && SnatFlows.Holds(state, value) && SnatFlows.IsFrom(state, value, protocol, address, serverPort, v4);
            return isSnat ? value : null;
        }

        TargetEntry* target = state->View.Targets + server->Target;
        bool same = target->Port == *(ushort*)serverPort && (v4
            ? *(uint*)address == (uint)target->AddressHigh
            : *(ulong*)address == target->AddressHigh && *(ulong*)(address + 8) == target->AddressLow);
        return same && !SnatFlows.Holds(state, value) ? value : null; // a rule's flow, whose slot was given away until its incarnation came again
    }

    /// <summary>The flow of a packet from a server behind NAT. <see cref="ClassifyKnown"/> has its hash ready for the first service that the server is of.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* FindReply4(EngineState* state, Burst* burst, int i)
    {
        uint at = burst->NextHop[i], server = state->View.ServerKeys4[at].Server;
        ulong client = burst->Key[i];
        ulong* value = state->Flows4.Find(burst->Hash[i], client | ((ulong)state->View.Servers[server].Service << 48));
        return value != null && IsLive(state, *value, server) ? value : FindNext4(state, burst, i, client, at);
    }

    /// <inheritdoc cref="FindReply4"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* FindReply6(EngineState* state, Burst* burst, int i)
    {
        uint at = burst->NextHop[i], server = state->View.ServerKeys6[at].Server;
        byte* client = (byte*)burst->Frame[i] + burst->L3Offset[i] + 24;
        FlowTable6.Entry* entry = state->Flows6.Find(burst->Hash[i], *(ulong*)client, *(ulong*)(client + 8), burst->Key[i] | ((ulong)state->View.Servers[server].Service << 48));
        return entry != null && IsLive(state, entry->Value, server) ? &entry->Value : FindNext6(state, burst, i, client, at);
    }

    /// <summary>The flow of a packet that an ICMP error quotes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong* FindQuoted(EngineState* state, Burst* burst, int i, byte path)
    {
        bool toClient = (path & PacketPath.Reply) != 0;
        uint at = burst->NextHop[i];
        if (PacketPath.Version(path) == 4)
        {
            ulong client4 = burst->Key[i];
            uint server4 = toClient ? state->View.ServerKeys4[at].Server : 0;
            ulong* value4 = FindFlow4(state, burst, i, client4, toClient ? state->View.Servers[server4].Service : burst->Service[i], server4);
            return value4 != null || !toClient ? value4 : FindNext4(state, burst, i, client4, at);
        }

        byte* client6 = Client6(burst, i);
        uint server6 = toClient ? state->View.ServerKeys6[at].Server : 0;
        ulong* value6 = FindFlow6(state, burst, i, client6, toClient ? state->View.Servers[server6].Service : burst->Service[i], server6);
        return value6 != null || !toClient ? value6 : FindNext6(state, burst, i, client6, at);
    }

    /// <summary>The same server stands in the table for each of its services.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong* FindNext4(EngineState* state, Burst* burst, int i, ulong client, uint at)
    {
        ServerKey4Entry* keys = state->View.ServerKeys4;
        uint mask = (1u << state->View.ServerKeys4Log2) - 1;
        ulong key = keys[at].Value;
        for (at = (at + 1) & mask; keys[at].Value != 0; at = (at + 1) & mask)
        {
            ulong* value = keys[at].Value != key ? null : FindFlow4(state, burst, i, client, state->View.Servers[keys[at].Server].Service, keys[at].Server);
            if (value != null)
            {
                return value;
            }
        }

        return null;
    }

    /// <inheritdoc cref="FindNext4"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong* FindNext6(EngineState* state, Burst* burst, int i, byte* client, uint at)
    {
        ServerKey6Entry* keys = state->View.ServerKeys6;
        uint mask = (1u << state->View.ServerKeys6Log2) - 1;
        ServerKey6Entry key = keys[at];
        for (at = (at + 1) & mask; keys[at].Rest != 0; at = (at + 1) & mask)
        {
            bool same = keys[at].Rest == key.Rest && keys[at].Low == key.Low && keys[at].High == key.High;
            ulong* value = !same ? null : FindFlow6(state, burst, i, client, state->View.Servers[keys[at].Server].Service, keys[at].Server);
            if (value != null)
            {
                return value;
            }
        }

        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Home(EngineState* state, Burst* burst, int i)
    {
        if ((burst->Path[i] & PacketPath.Source) != 0)
        {
            return state->Ports.WorkerOf((uint)burst->Key[i] & 0xFFFF);
        }

        bool isReply = (burst->Path[i] & PacketPath.Reply) != 0; // of NAT; whose service it is, is not known
        if (PacketPath.Version(burst->Path[i]) == 4)
        {
            return isReply ? HomeWorker.Of4(state, burst->Key[i]) : HomeWorker.OfRequest4(state, burst->Service[i], burst->Key[i]);
        }

        byte* client = Client6(burst, i);
        return !isReply
            ? HomeWorker.OfRequest6(state, burst->Service[i], *(ulong*)client, *(ulong*)(client + 8), burst->Key[i])
            : HomeWorker.Of6(state, *(ulong*)client, *(ulong*)(client + 8), burst->Key[i]);
    }

    /// <summary>The client's address: a reply's destination; destination of a quoted answer, source of a quoted packet of the client's.</summary>
    private static byte* Client6(Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        byte* quoted = ip + burst->L4Offset[i] + ClassifyKnown.ErrorBytes;
        return (burst->Path[i] & PacketPath.Error) == 0 ? ip + 24 : (burst->Path[i] & PacketPath.Reply) == 0 ? quoted + 24 : quoted + 8;
    }

    /// <summary>The live flow of a client and a service, with this server or (0) any; its hash is the packet's, too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* FindFlow4(EngineState* state, Burst* burst, int i, ulong client, uint service, uint server)
    {
        ulong key = client | ((ulong)service << 48);
        burst->Hash[i] = FlowTable4.Hash(state->View.Services[service].HashSalt, key);
        ulong* value = state->Flows4.Find(burst->Hash[i], key);
        return value != null && IsLive(state, *value, server) ? value : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* FindFlow6(EngineState* state, Burst* burst, int i, byte* client, uint service, uint server)
    {
        ulong high = *(ulong*)client, low = *(ulong*)(client + 8), rest = burst->Key[i];
        burst->Hash[i] = FlowTable6.Hash(state->View.Services[service].HashSalt, high, low, (ushort)(rest >> 32));
        FlowTable6.Entry* entry = state->Flows6.Find(burst->Hash[i], high, low, rest | ((ulong)service << 48));
        return entry != null && IsLive(state, entry->Value, server) ? &entry->Value : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsLive(EngineState* state, ulong value, uint server)
    {
        uint bound = FlowValue.Server(value);
        return bound < (uint)state->View.ServerCount && (server == 0 || server == bound) && state->View.Servers[bound].Valid != 0
            && state->View.Servers[bound].Incarnation == FlowValue.Incarnation(value) && !FlowValue.IsExpired(value, state->NowMs);
    }

    /// <summary>A reply keeps the flow alive, and moves its state.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Advance(EngineState* state, ulong* value, uint server, uint clientTable, uint flags)
    {
        uint flowState = FlowValue.State(*value);
        uint table = FlowStates.Server - FlowStates.Client + clientTable; // the client's: both are heard
        uint next = state->NextState[(table * FlowStates.TableSize) + (flowState * FlowStates.FlagCount) + (flags & FlowStates.FlagMask)];
        *value = FlowValue.With(*value, next, state->DeadlineMs(state->View.Servers[server].Timeouts, next));
        if ((next & FlowValue.StateMask) != flowState)
        {
            FlowCounts.Change(state->Servers + server, flowState, next);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Unknown(EngineState* state, Burst* burst, int i)
    {
        if ((burst->Path[i] & PacketPath.Source) != 0)
        {
            burst->Drop(i, DropReason.NoSession);
            return;
        }

        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        bool vip = state->View.IsForVirtual(ip, out uint group, out _);
        if (vip && (burst->Path[i] & PacketPath.Error) == 0)
        {
            Classify.NoService(state, burst, i, group);
        }
        else if (!vip && (burst->Path[i] & PacketPath.Snat) == 0 && SelectSnat.TryInstead(state, burst, i))
        {
            return;
        }
        else if (!vip && (*(ulong*)burst->Frame[i] & Wire.MacMask) != state->PortMac[burst->Ingress])
        {
            burst->Drop(i, DropReason.NotOurMac); // a virtual MAC address is no way to the host, see Classify
        }
        else
        {
            burst->Verdicts[i] = (byte)Verdict.Punt;
        }
    }
}
