using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Writes a source address and local port in the place of an inside host's, and the other way round in what comes back; the other
/// side stays as it is. Checksums follow by RFC 1624 equation 3, so that a wrong one stays wrong.
/// </summary>
internal static unsafe class Snat
{
    private const int IcmpChecksumOffset = 2;

    /// <summary>To the gateway, or back to where the host's packets came from. What is lost or refused is as it came.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Rewrite(EngineState* state, Burst* burst, int i, ServerEntry* server, uint ipBytes)
    {
        byte path = burst->Path[i];
        bool toClient = (path & PacketPath.Reply) != 0, error = (path & PacketPath.Error) != 0;
        ulong* flow = (ulong*)burst->Flow[i];
        if (flow == null || !SnatFlows.Holds(state, flow))
        {
            burst->Drop(i, DropReason.NoDestination); // a service's flow: its server's slot is a rule's now
            return;
        }

        if ((!toClient && !error && !RewriteOther.KnowsLastHop(state, burst, i, flow)) || (toClient && FlowValue.LastHop(*flow) == 0))
        {
            burst->Drop(i, DropReason.LastHopsFull);
            return;
        }

        ulong hop = state->LastHop[FlowValue.LastHop(*flow)];
        if (!RewriteOther.IsPassable(burst, i, ipBytes, toClient ? state->PortMtuBytes[LastHops.Port(hop)] : server->MtuBytes))
        {
            return;
        }

        DropReason fault = Translate(state, burst, i, flow, toClient, error, ipBytes);
        if (fault != DropReason.None)
        {
            burst->Drop(i, fault);
        }
        else if (toClient)
        {
            RewriteOther.SendBack(state, burst, i, hop, ipBytes);
        }
        else
        {
            RewriteOther.Send(state, burst, i, server, ipBytes);
        }
    }

    private static DropReason Translate(EngineState* state, Burst* burst, int i, ulong* flow, bool toClient, bool error, uint ipBytes)
    {
        FlowTable6.Entry* entry = FlowTable6.EntryOf(flow);
        byte protocol = SnatFlows.ProtocolOf(entry);
        uint word = LocalPorts.Find(state, flow, ipVersion: 6);
        if (word == 0)
        {
            return DropReason.NoLocalPort;
        }

        SourceEntry* source = state->View.Sources + LocalPorts.Slot(word);
        SnatAddress address = toClient ? SnatFlows.ClientOf(entry) : new SnatAddress { High = source->High, Low = source->Low };
        ushort port = toClient ? SnatFlows.ClientPortOf(entry) : Wire.Swap(LocalPorts.Port(word));
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + ((ip[0] >> 4) == 4 ? (ip[0] & 0xF) * 4 : burst->L4Offset[i]);
        int l4Bytes = (int)ipBytes - (int)(l4 - ip);
        if (error)
        {
            return TryError(ip, l4, l4Bytes, address, port, toClient, protocol) ? DropReason.None : DropReason.IcmpBad;
        }

        if (protocol == Wire.Sctp && ((burst->Fragments >> i) & 1) != 0)
        {
            return DropReason.FragmentSctp;
        }

        uint ports = *(uint*)l4, delta = WritePort(l4, protocol, port, isDestination: toClient);
        uint addressDelta = WriteAddress(ip, address, isDestination: toClient);
        TakeTtl(ip, addressDelta);
        switch (protocol)
        {
            case Wire.Sctp:
                *(uint*)(l4 + Wire.SctpChecksumOffset) ^= Crc32c.Change(ports ^ *(uint*)l4, l4Bytes);
                break;
            case Wire.Icmp or Wire.Icmpv6:
                delta += protocol == Wire.Icmpv6 ? addressDelta : 0; // RFC 4443 section 2.3; ICMP's covers no addresses
                *(ushort*)(l4 + IcmpChecksumOffset) = Checksum.Fold((ushort)~*(ushort*)(l4 + IcmpChecksumOffset) + delta);
                break;
            default:
                Nat.Transport(l4, protocol, delta + addressDelta);
                break;
        }

        return DropReason.None;
    }

    /// <summary>An ICMP error and what it quotes (RFC 5508 section 4). From inside it gets the flow's source address, whichever router there has sent it. False if its checksum was wrong.</summary>
    private static bool TryError(byte* ip, byte* icmp, int icmpBytes, in SnatAddress address, ushort port, bool toClient, byte protocol)
    {
        bool v4 = (ip[0] >> 4) == 4;
        if (Checksum.Fold(Checksum.Sum(icmp, icmpBytes, v4 ? 0 : Checksum.PseudoHeader6(ip, icmpBytes, Wire.Icmpv6))) != 0)
        {
            return false;
        }

        // The quoted packet went the other way. Its transport checksum stays, as with NAT.
        byte* quoted = icmp + ClassifyKnown.ErrorBytes, l4 = quoted + (v4 ? (quoted[0] & 0xF) * 4 : Wire.Ipv6Bytes);
        _ = WritePort(l4, protocol, port, isDestination: !toClient);
        uint delta = WriteAddress(quoted, address, isDestination: !toClient);
        TakeTtl(ip, WriteAddress(ip, address, isDestination: toClient));
        if (v4)
        {
            *(ushort*)(quoted + 10) = Checksum.Fold((ushort)~*(ushort*)(quoted + 10) + delta);
            Nat.SumError4(icmp, icmpBytes);
        }
        else
        {
            Nat.SumError6(ip, icmp, icmpBytes);
        }

        return true;
    }

    /// <summary>Writes a port or identifier; returns what that adds to a sum.</summary>
    private static uint WritePort(byte* l4, byte protocol, ushort port, bool isDestination)
    {
        ushort* field = (ushort*)(l4 + (SnatTuple.IsEcho(protocol) ? SnatTuple.IdentifierOffset : isDestination ? 2 : 0));
        uint delta = (ushort)~*field + (uint)port;
        *field = port;
        return delta;
    }

    private static uint WriteAddress(byte* ip, in SnatAddress address, bool isDestination) => (ip[0] >> 4) == 4
        ? FullNat.Exchange4(ip + (isDestination ? 16 : 12), (uint)address.High)
        : FullNat.Exchange6(ip + (isDestination ? 24 : 8), address.High, address.Low);

    private static void TakeTtl(byte* ip, uint addressDelta)
    {
        if ((ip[0] >> 4) == 4)
        {
            _ = Nat.Header4(ip, addressDelta);
        }
        else
        {
            ip[7]--;
        }
    }
}
