using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Rewrites packets whose server is not reached by direct routing. Here the director is a router: it takes one from the
/// TTL, as IPVS does. What is refused stays as it came, for the ICMP error that quotes it. Each method has a loop of its own, so that
/// its code is short and a burst of one method is one call; what is rare in it has a call for each packet.
/// </summary>
internal static unsafe class RewriteOther
{
    /// <summary>Rewrites the packets whose indexes are the first of <see cref="Burst.Missed"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state, Burst* burst, int count)
    {
        for (int n = 0; n < count;)
        {
            switch (state->View.Servers[burst->Server[burst->Missed[n]]].Method)
            {
                case ForwardingMethod.Nat:
                    n = AllNat(state, burst, n, count);
                    break;
                case ForwardingMethod.FullNat:
                    n = AllFullNat(state, burst, n, count);
                    break;
                case ForwardingMethod.Tunnel:
                    n = AllTunnel(state, burst, n, count);
                    break;
                default:
                    int i = burst->Missed[n++];
                    Snat.Rewrite(state, burst, i, state->View.Servers + burst->Server[i], Trim(burst, i));
                    break;
            }
        }
    }

    /// <summary>From the n-th packet on all of one method; returns the place of the first of another one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int AllNat(EngineState* state, Burst* burst, int n, int count) => All(state, burst, n, count, ForwardingMethod.Nat);

    /// <inheritdoc cref="AllNat"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int AllFullNat(EngineState* state, Burst* burst, int n, int count) => All(state, burst, n, count, ForwardingMethod.FullNat);

    /// <inheritdoc cref="AllNat"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int AllTunnel(EngineState* state, Burst* burst, int n, int count) => All(state, burst, n, count, ForwardingMethod.Tunnel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Encapsulate(EngineState* state, Burst* burst, int i, ServerEntry* server, uint ipBytes)
    {
        if (IsPassable(burst, i, ipBytes, server->MtuBytes))
        {
            Tunnel.Encapsulate(state, burst, i, state->View.Targets + server->Target, ipBytes);
            Send(state, burst, i, server, ipBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int All(EngineState* state, Burst* burst, int n, int count, ForwardingMethod method)
    {
        for (; n < count; n++)
        {
            int i = burst->Missed[n];
            ServerEntry* server = state->View.Servers + burst->Server[i];
            if (server->Method != method)
            {
                break;
            }

            if (method == ForwardingMethod.Tunnel)
            {
                Encapsulate(state, burst, i, server, Trim(burst, i));
                continue;
            }

            ServiceEntry* service = state->View.Services + server->Service;
            TargetEntry* target = state->View.Targets + server->Target;
            byte path = burst->Path[i];
            bool toClient = (path & PacketPath.Reply) != 0;
            ulong* flow = (ulong*)burst->Flow[i];
            if ((path & PacketPath.Error) != 0 || service->Protocol == Wire.Sctp || (method == ForwardingMethod.FullNat && IsRareFullNat(state, service, target, flow)))
            {
                Rare(state, burst, i, server);
                continue;
            }

            if (!HasWay(state, burst, i, flow, toClient, error: false))
            {
                continue;
            }

            ulong hop = state->LastHop[FlowValue.LastHop(*flow)];
            uint ipBytes = Trim(burst, i);
            if (!IsPassable(burst, i, ipBytes, toClient ? state->PortMtuBytes[LastHops.Port(hop)] : server->MtuBytes))
            {
                continue;
            }

            if (toClient)
            {
                if (method == ForwardingMethod.Nat)
                {
                    Nat.ToClient(burst, i, target, service);
                }
                else
                {
                    FullNat.ToClient(burst, i, target, service, flow);
                }

                SendBack(state, burst, i, hop, ipBytes);
                continue;
            }

            if (method == ForwardingMethod.Nat)
            {
                Nat.ToServer(burst, i, target, service);
            }
            else
            {
                uint word = LocalPort(state, burst, i, flow, target, service, mayTake: true);
                if (word == 0)
                {
                    continue;
                }

                FullNat.ToServer(state, burst, i, target, service, word);
            }

            Send(state, burst, i, server, ipBytes);
        }

        return n;
    }

    /// <summary>Whether the server is told the client's address, or speaks the other family. A flow may have begun to be told before the service's setting was changed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsRareFullNat(EngineState* state, ServiceEntry* service, TargetEntry* target, ulong* flow) =>
        service->ClientAddress != ClientAddressMode.None || target->IpVersion != service->IpVersion
        || (state->Ports.ToldFlows != 0 && flow != null && LocalPorts.ToldOf(state, flow, service->IpVersion)->State != ClientAddressState.None);

    /// <summary>Whether a packet of NAT has a flow and, as its direction needs, the client's last hop. If not, it is dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool HasWay(EngineState* state, Burst* burst, int i, ulong* flow, bool toClient, bool error)
    {
        if (flow == null || (!toClient && !error && !KnowsLastHop(state, burst, i, flow)) || (toClient && FlowValue.LastHop(*flow) == 0))
        {
            burst->Drop(i, flow == null ? DropReason.FlowTableFull : DropReason.LastHopsFull);
            return false;
        }

        return true;
    }

    /// <summary>ICMP errors, SCTP, NAT64, servers that are told clients' addresses: what <see cref="ByNat"/> and <see cref="ByFullNat"/> are for.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Rare(EngineState* state, Burst* burst, int i, ServerEntry* server)
    {
        byte path = burst->Path[i];
        bool toClient = (path & PacketPath.Reply) != 0, error = (path & PacketPath.Error) != 0;
        ulong* flow = (ulong*)burst->Flow[i];
        if (!HasWay(state, burst, i, flow, toClient, error))
        {
            return;
        }

        ulong hop = state->LastHop[FlowValue.LastHop(*flow)];
        uint ipBytes = Trim(burst, i);
        bool isCut = error && toClient && Nat64.Is(state, server); // to 1,280 bytes: RFC 4443 section 2.4 (c)
        if (!IsPassable(burst, i, ipBytes, isCut ? uint.MaxValue : toClient ? ClientMtu(state, burst, i, server, hop) : server->MtuBytes))
        {
            return;
        }

        ServiceEntry* service = state->View.Services + server->Service;
        bool done = service->Protocol == Wire.Sctp && !error
            ? Sctp(state, burst, i, server, toClient, ipBytes)
            : ByMethod(state, burst, i, server, toClient, error, ipBytes);
        if (!done)
        {
            return;
        }

        if (toClient)
        {
            SendBack(state, burst, i, hop, ipBytes);
        }
        else
        {
            Send(state, burst, i, server, ipBytes);
        }
    }

    /// <summary>Largest packet of a server that still fits the way to the client when it has been translated.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint ClientMtu(EngineState* state, Burst* burst, int i, ServerEntry* server, ulong hop)
    {
        uint mtuBytes = state->PortMtuBytes[LastHops.Port(hop)];
        return !Nat64.Is(state, server) ? mtuBytes : mtuBytes - Nat64.GrowthBytes((byte*)burst->Frame[i] + burst->L3Offset[i]);
    }

    private static bool ByMethod(EngineState* state, Burst* burst, int i, ServerEntry* server, bool toClient, bool error, uint ipBytes)
    {
        TargetEntry* target = state->View.Targets + server->Target;
        ServiceEntry* service = state->View.Services + server->Service;
        return server->Method == ForwardingMethod.Nat
            ? ByNat(burst, i, target, service, toClient, error, ipBytes)
            : ByFullNat(state, burst, i, server, target, service, toClient, error, ipBytes);
    }

    /// <summary>An SCTP packet: when its ports have changed, its CRC32c follows them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Sctp(EngineState* state, Burst* burst, int i, ServerEntry* server, bool toClient, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        byte* l4 = PacketPath.Version(burst->Path[i]) == 4 ? ip + ((ip[0] & 0xF) * 4) : ip + burst->L4Offset[i];
        bool keepsPorts = server->Method == ForwardingMethod.Nat && state->View.Targets[server->Target].Port == state->View.Services[server->Service].Port;
        if (!keepsPorts && ((burst->Fragments >> i) & 1) != 0)
        {
            burst->Drop(i, DropReason.FragmentSctp);
            return false;
        }

        uint before = *(uint*)l4;
        if (!ByMethod(state, burst, i, server, toClient, error: false, ipBytes))
        {
            return false;
        }

        *(uint*)(l4 + Wire.SctpChecksumOffset) ^= keepsPorts ? 0 : Crc32c.Change(before ^ *(uint*)l4, (int)ipBytes - (int)(l4 - ip));
        return true;
    }

    private static bool ByNat(Burst* burst, int i, TargetEntry* target, ServiceEntry* service, bool toClient, bool error, uint ipBytes)
    {
        if (error)
        {
            return Nat.Error(burst, i, target, service, ipBytes) || Bad(burst, i);
        }

        if (toClient)
        {
            Nat.ToClient(burst, i, target, service);
        }
        else
        {
            Nat.ToServer(burst, i, target, service);
        }

        return true;
    }

    private static bool ByFullNat(EngineState* state, Burst* burst, int i, ServerEntry* server, TargetEntry* target, ServiceEntry* service, bool toClient, bool error, uint ipBytes)
    {
        ulong* flow = (ulong*)burst->Flow[i];
        bool isNat64 = target->IpVersion != service->IpVersion;
        if (toClient && !error && !isNat64)
        {
            if (state->Ports.ToldFlows != 0)
            {
                _ = TellAddress(state, burst, i, server, service, toClient: true, ref ipBytes);
            }

            FullNat.ToClient(burst, i, target, service, flow);
            return true;
        }

        uint word = LocalPort(state, burst, i, flow, target, service, mayTake: !error && !toClient);
        if (word == 0)
        {
            return false;
        }

        if ((state->Ports.ToldFlows | (uint)service->ClientAddress) != 0 && !error && !TellAddress(state, burst, i, server, service, toClient, ref ipBytes))
        {
            return false;
        }

        if (isNat64)
        {
            DropReason fault = Nat64.Translate(state, burst, i, target, service, flow, word, ipBytes);
            if (fault != DropReason.None)
            {
                burst->Drop(i, fault);
            }

            return fault == DropReason.None;
        }

        if (error)
        {
            return FullNat.Error(state, burst, i, target, service, flow, word, ipBytes) || Bad(burst, i);
        }

        FullNat.ToServer(state, burst, i, target, service, word);
        return true;
    }

    /// <summary>A flow's word in <see cref="LocalPorts"/>, given now if it has none. 0 if there is none to give: the packet is dropped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint LocalPort(EngineState* state, Burst* burst, int i, ulong* flow, TargetEntry* target, ServiceEntry* service, bool mayTake)
    {
        uint word = LocalPorts.Find(state, flow, service->IpVersion);
        return word != 0 ? word : NewLocalPort(state, burst, i, flow, target, service, mayTake);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint NewLocalPort(EngineState* state, Burst* burst, int i, ulong* flow, TargetEntry* target, ServiceEntry* service, bool mayTake)
    {
        uint server = RssSpread.Words(target->AddressHigh, target->AddressLow) ^ RssSpread.Ports(target->Port, 0);
        uint word = mayTake ? LocalPorts.Take(state, flow, service->IpVersion, service, service->Protocol, server, burst->Hash[i]) : 0;
        if (word == 0)
        {
            burst->Drop(i, DropReason.NoLocalPort);
        }

        return word;
    }

    /// <summary>What the client's address changes in a packet, if anything. False if it has been dropped or refused.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TellAddress(EngineState* state, Burst* burst, int i, ServerEntry* server, ServiceEntry* service, bool toClient, ref uint ipBytes)
    {
        if (service->Protocol == Wire.Udp)
        {
            return toClient || service->ClientAddress == ClientAddressMode.None || ProxyUdp.TryToServer(burst, i, server, service, ref ipBytes);
        }

        AddressTold* told = LocalPorts.ToldOf(state, (ulong*)burst->Flow[i], service->IpVersion);
        bool begun = told->State != ClientAddressState.None;
        ClientAddressMode mode = begun ? told->Mode : service->ClientAddress;
        if (!toClient)
        {
            return mode == ClientAddressMode.None || (mode == ClientAddressMode.Toa
                ? Toa.TryToServer(state, burst, i, server, service, told, ref ipBytes)
                : ProxyTcp.TryToServer(state, burst, i, server, service, told, ref ipBytes));
        }

        if (begun && mode == ClientAddressMode.Toa)
        {
            Toa.ToClient(burst, i, server, service, told, ipBytes);
        }
        else if (begun)
        {
            ProxyTcp.ToClient(burst, i, server, service, told);
        }

        return true;
    }

    private static bool Bad(Burst* burst, int i)
    {
        burst->Drop(i, DropReason.IcmpBad);
        return false;
    }

    /// <summary>Keeps where a client's packets come from: its replies go there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool KnowsLastHop(EngineState* state, Burst* burst, int i, ulong* flow)
    {
        ulong mac = *(ulong*)((byte*)burst->Frame[i] + 6) & Wire.MacMask;
        ulong hop = LastHops.Pack(mac, burst->Ingress, burst->Vlan[i]);
        uint number = FlowValue.LastHop(*flow);
        return (number != 0 && state->LastHop[number] == hop) || LastHops.TryChange(state, flow, hop);
    }

    /// <summary>To where the client's packets came from.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void SendBack(EngineState* state, Burst* burst, int i, ulong hop, uint ipBytes)
    {
        if (burst->Vlan[i] != LastHops.Vlan(hop))
        {
            EthernetHeader.Retag(burst, i, LastHops.Vlan(hop));
        }

        int port = LastHops.Port(hop);
        EthernetHeader.SetMacs((byte*)burst->Frame[i], LastHops.Mac(hop), state->PortMac[port]);
        burst->Verdicts[i] = (byte)Verdict.Forward;
        burst->Egress[i] = (byte)port;
        state->Block->Counters.ForwardedPackets++;
        state->Block->Counters.ForwardedBytes += ipBytes;
        state->Block->Counters.ReplyPackets++;
        state->Block->Counters.ReplyBytes += ipBytes;
    }

    /// <summary>Takes off what the sender's Ethernet has padded; returns the IP packet's bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Trim(Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        uint ipBytes = (ip[0] >> 4) == 4 ? Wire.Swap(*(ushort*)(ip + 2)) : Wire.Swap(*(ushort*)(ip + 4)) + (uint)Wire.Ipv6Bytes;
        if (burst->Length[i] != ipBytes + burst->L3Offset[i])
        {
            burst->Length[i] = ipBytes + burst->L3Offset[i];
            burst->Moved |= 1u << i;
        }

        return ipBytes;
    }

    /// <summary>Refuses what is too big or has come too far.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsPassable(Burst* burst, int i, uint ipBytes, uint mtuBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        if (((ip[0] >> 4) == 4 ? ip[8] : ip[7]) <= 1)
        {
            burst->Refuse(i, DropReason.TtlExpired, 0);
            return false;
        }

        if (ipBytes > mtuBytes)
        {
            burst->Refuse(i, DropReason.TooBig, mtuBytes);
            return false;
        }

        return true;
    }

    /// <summary>To the server's next hop: counters, tag, MAC addresses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Send(EngineState* state, Burst* burst, int i, ServerEntry* server, uint ipBytes)
    {
        ulong neighbour = Volatile.Read(ref state->Neighbours[server->NextHop]);
        ServerCounters* counters = state->Servers + burst->Server[i];
        counters->Packets++;
        counters->Bytes += ipBytes;
        if (burst->Vlan[i] != server->Vlan)
        {
            EthernetHeader.Retag(burst, i, server->Vlan);
        }

        EthernetHeader.SetMacs((byte*)burst->Frame[i], NeighbourWord.Mac(neighbour), state->PortMac[server->Port]);
        if (!NeighbourWord.IsUsable(neighbour))
        {
            burst->Verdicts[i] = (byte)Verdict.Wait;
            burst->NextHop[i] = server->NextHop;
            return;
        }

        burst->Verdicts[i] = (byte)Verdict.Forward;
        burst->Egress[i] = server->Port;
        state->Block->Counters.ForwardedPackets++;
        state->Block->Counters.ForwardedBytes += ipBytes;
    }
}
