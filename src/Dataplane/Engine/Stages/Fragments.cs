using System.Numerics;
using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Last stage, for bursts with fragments: notes what has become of first fragments, and sends later ones after them. A
/// later fragment has no ports and no transport checksum: addresses, TTL and IPv4 header checksum are all that changes.
/// </summary>
internal static unsafe class Fragments
{
    /// <summary>Goes through the fragments in the order of the burst.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state, Burst* burst)
    {
        for (uint left = burst->Fragments; left != 0; left &= left - 1)
        {
            int i = BitOperations.TrailingZeroCount(left);
            if (burst->Verdicts[i] == (byte)Verdict.Follow)
            {
                Later(state, burst, i);
            }
            else
            {
                First(state, burst, i, state->Fragments.At(burst->Fragment[i]));
            }
        }
    }

    private static void First(EngineState* state, Burst* burst, int i, FragmentEntry* entry)
    {
        if (entry->State != FragmentEntry.Fate.Pending || entry->FirstIndex != i)
        {
            return; // given away to another one of this burst
        }

        switch (burst->VerdictOf(i))
        {
            case Verdict.Forward or Verdict.Wait:
                Note(state, burst, i, entry);
                break;
            case Verdict.HandOver:
                entry->State = FragmentEntry.Fate.HandOver;
                entry->Server = burst->NextHop[i];
                break;
            default:
                FragmentTable.Remove(entry);
                break;
        }
    }

    private static void Note(EngineState* state, Burst* burst, int i, FragmentEntry* entry)
    {
        ServerEntry* server = state->View.Servers + burst->Server[i];
        bool toClient = (burst->Path[i] & PacketPath.Reply) != 0;
        entry->State = toClient ? FragmentEntry.Fate.ToClient : FragmentEntry.Fate.ToServer;
        entry->Server = burst->Server[i];
        entry->Incarnation = server->Incarnation;
        entry->HopOrHash = toClient ? LastHops.Pack(*(ulong*)burst->Frame[i] & Wire.MacMask, burst->Egress[i], burst->Vlan[i]) : burst->Hash[i];
        state->Block->Counters.FragmentedPackets++;
        if (server->Method is ForwardingMethod.DirectRouting or ForwardingMethod.Tunnel)
        {
            return;
        }

        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        FragmentKey now = (ip[0] >> 4) == 4 ? FragmentKey.Of4(ip) : FragmentKey.Of6(ip, 0);
        (entry->NewSourceHigh, entry->NewSourceLow, entry->NewDestinationHigh, entry->NewDestinationLow) = (now.SourceHigh, now.SourceLow, now.DestinationHigh, now.DestinationLow);
    }

    private static void Later(EngineState* state, Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        FragmentKey key = burst->Path[i] == PacketPath.Ipv4 ? FragmentKey.Of4(ip) : FragmentKey.Of6(ip, (uint)burst->Key[i]);
        FragmentEntry* entry = state->Fragments.Find(key, state->NowMs);
        if (entry == null || entry->State == FragmentEntry.Fate.Pending)
        {
            Unknown(state, burst, i, ip);
            return;
        }

        if (entry->State == FragmentEntry.Fate.HandOver)
        {
            burst->Verdicts[i] = (byte)Verdict.HandOver;
            burst->NextHop[i] = entry->Server;
            return;
        }

        if (!IsServerThere(state, entry))
        {
            FragmentTable.Remove(entry);
            Unknown(state, burst, i, ip);
            return;
        }

        burst->Server[i] = entry->Server;
        burst->Hash[i] = (uint)entry->HopOrHash;
        uint place = burst->Fragment[i] >> 16, bytes = burst->Fragment[i] & 0xFFFF;
        DropReason fault = !state->Owns(Fence.GroupOf(state, burst, i)) ? DropReason.VipNotOwned
            : entry->State == FragmentEntry.Fate.Bad ? DropReason.FragmentOverlap
            : entry->Add(place & ~1u, bytes, (place & 1) != 0);
        if (fault != DropReason.None)
        {
            burst->Drop(i, fault);
            return;
        }

        Follow(state, burst, i, entry);
        state->Block->Counters.FragmentsFollowed += burst->Verdicts[i] != (byte)Verdict.Refuse ? 1u : 0;
        if (entry->IsComplete)
        {
            FragmentTable.Remove(entry); // the identification may be used again
        }
    }

    private static bool IsServerThere(EngineState* state, FragmentEntry* entry) =>
        entry->Server < (uint)state->View.ServerCount && state->View.Servers[entry->Server].Valid != 0 && state->View.Servers[entry->Server].Incarnation == entry->Incarnation;

    private static void Follow(EngineState* state, Burst* burst, int i, FragmentEntry* entry)
    {
        ServerEntry* server = state->View.Servers + entry->Server;
        uint frameBytes = burst->Length[i] - burst->L3Offset[i];
        switch (server->Method)
        {
            case ForwardingMethod.DirectRouting when frameBytes > server->MtuBytes:
                burst->Refuse(i, DropReason.TooBig, server->MtuBytes);
                break;
            case ForwardingMethod.DirectRouting:
                RewriteOther.Send(state, burst, i, server, frameBytes);
                break;
            case ForwardingMethod.Tunnel:
                RewriteOther.Encapsulate(state, burst, i, server, RewriteOther.Trim(burst, i));
                break;
            default:
                Translate(state, burst, i, server, entry, RewriteOther.Trim(burst, i));
                break;
        }
    }

    private static void Translate(EngineState* state, Burst* burst, int i, ServerEntry* server, FragmentEntry* entry, uint ipBytes)
    {
        bool toClient = entry->State == FragmentEntry.Fate.ToClient;
        if (!RewriteOther.IsPassable(burst, i, ipBytes, toClient ? RewriteOther.ClientMtu(state, burst, i, server, entry->HopOrHash) : server->MtuBytes))
        {
            return;
        }

        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        if (Nat64.Is(state, server))
        {
            Nat64.Later(state, burst, i, entry, ipBytes);
        }
        else if (burst->Path[i] == PacketPath.Ipv4)
        {
            uint delta = FullNat.Exchange4(ip + 12, (uint)entry->NewSourceHigh) + FullNat.Exchange4(ip + 16, (uint)entry->NewDestinationHigh);
            _ = Nat.Header4(ip, delta);
        }
        else
        {
            ip[7]--;
            (*(ulong*)(ip + 8), *(ulong*)(ip + 16)) = (entry->NewSourceHigh, entry->NewSourceLow);
            (*(ulong*)(ip + 24), *(ulong*)(ip + 32)) = (entry->NewDestinationHigh, entry->NewDestinationLow);
        }

        if (toClient)
        {
            RewriteOther.SendBack(state, burst, i, entry->HopOrHash, ipBytes);
        }
        else
        {
            RewriteOther.Send(state, burst, i, server, ipBytes);
        }
    }

    /// <summary>No first fragment of it has come, or its entry is gone. What is neither for a VIP nor of an inside host goes to the host, as ever.</summary>
    private static void Unknown(EngineState* state, Burst* burst, int i, byte* ip)
    {
        if (state->View.IsForVirtual(ip, out _, out _) || SelectSnat.Covers(state, burst, i))
        {
            burst->Drop(i, DropReason.FragmentUnknown);
        }
        else if ((*(ulong*)burst->Frame[i] & Wire.MacMask) != state->PortMac[burst->Ingress])
        {
            burst->Drop(i, DropReason.NotOurMac); // a virtual MAC address is no way to the host, see Classify
        }
        else
        {
            burst->Verdicts[i] = (byte)Verdict.Punt;
        }
    }
}
