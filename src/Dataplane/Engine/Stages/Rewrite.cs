using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Third stage: makes the packet ready for its server's next hop and names the egress port. Direct routing touches only
/// the Ethernet header: destination MAC of the server, source MAC of the egress port, the server's VLAN tag. Packets of
/// other methods come after it, so that they cost direct routing one compare.
/// </summary>
public static unsafe class Rewrite
{
    /// <summary>Rewrites each undecided packet of the burst.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state, Burst* burst)
    {
        ulong forwardedPackets = 0, forwardedBytes = 0;
        int others = 0;
        for (int i = 0; i < burst->Count; i++)
        {
            if (burst->Verdicts[i] != (byte)Verdict.None)
            {
                continue;
            }

            uint slot = burst->Server[i];
            ServerEntry* server = state->View.Servers + slot;
            uint ipBytes = burst->Length[i] - burst->L3Offset[i];
            ulong neighbour = Volatile.Read(ref state->Neighbours[server->NextHop]);
            if (server->Method != ForwardingMethod.DirectRouting)
            {
                burst->Missed[others++] = (byte)i;
                continue;
            }

            if (ipBytes > server->MtuBytes)
            {
                burst->Refuse(i, DropReason.TooBig, server->MtuBytes);
                continue;
            }

            ServerCounters* counters = state->Servers + slot;
            if (!NeighbourWord.IsUsable(neighbour))
            {
                burst->Verdicts[i] = (byte)Verdict.Wait;
                burst->NextHop[i] = server->NextHop;
            }
            else
            {
                forwardedPackets++;
                forwardedBytes += ipBytes;
                burst->Verdicts[i] = (byte)Verdict.Forward;
                burst->Egress[i] = server->Port;
            }

            counters->Packets++;
            counters->Bytes += ipBytes;
            if (burst->Vlan[i] != server->Vlan)
            {
                EthernetHeader.Retag(burst, i, server->Vlan);
            }

            EthernetHeader.SetMacs((byte*)burst->Frame[i], NeighbourWord.Mac(neighbour), state->PortMac[server->Port]);
        }

        state->Block->Counters.ForwardedPackets += forwardedPackets;
        state->Block->Counters.ForwardedBytes += forwardedBytes;
        if (others != 0)
        {
            RewriteOther.Run(state, burst, others);
        }

        if (burst->Fragments != 0)
        {
            Fragments.Run(state, burst);
        }
    }
}
