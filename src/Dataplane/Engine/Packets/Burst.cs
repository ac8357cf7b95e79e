using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Up to <see cref="Limits.BurstMax"/> packets on their way through the stages, one array per property.
/// Lives in native memory; nothing is cleared between bursts but the verdicts.
/// </summary>
public unsafe struct Burst
{
    private const int Max = Limits.BurstMax;

    /// <summary>Packets in the burst.</summary>
    public int Count;
    /// <summary>Port that they came from.</summary>
    public int Ingress;
    /// <summary>Bit per packet whose frame starts elsewhere than it did: the caller must tell the mbuf.</summary>
    public uint Moved;

    /// <summary>Bit per packet that is a fragment of a packet of a virtual service.</summary>
    public uint Fragments;

    /// <summary>The caller's handle of each packet (the mbuf).</summary>
    public fixed ulong Packet[Max];
    /// <summary>Address of the first byte of the Ethernet header.</summary>
    public fixed ulong Frame[Max];
    /// <summary>Bytes from the Ethernet header on.</summary>
    public fixed uint Length[Max];
    /// <summary>VLAN id of the frame's tag, 0 = untagged. Ports never strip tags: a tag that stays costs nothing.</summary>
    public fixed ushort Vlan[Max];
    /// <summary>1 where the port's hardware found the IPv4 header checksum wrong.</summary>
    public fixed byte ChecksumBad[Max];

    /// <summary>What becomes of the packet.</summary>
    public fixed byte Verdicts[Max];
    /// <summary>Why it is dropped.</summary>
    public fixed byte Reason[Max];
    /// <summary>Offset of the IP header.</summary>
    public fixed byte L3Offset[Max];
    /// <summary>TCP flags, 0 for UDP, a <see cref="SctpEvent"/>.</summary>
    public fixed byte TcpFlags[Max];
    /// <summary>See <see cref="PacketPath"/>: 4 or 6 for packets of clients.</summary>
    public fixed byte Path[Max];
    /// <summary>Slot of the virtual service.</summary>
    public fixed ushort Service[Max];
    /// <summary>Hash of the flow: place in the flow table and in the Maglev table.</summary>
    public fixed uint Hash[Max];
    /// <summary>Flow key (IPv4), or client port and service slot (IPv6; the address is read from the frame).</summary>
    public fixed ulong Key[Max];
    /// <summary>IPv6: offset of the transport header from the IP header.</summary>
    public fixed ushort L4Offset[Max];
    /// <summary>Address of the flow's value in its table, 0 if the flow found no room.</summary>
    public fixed ulong Flow[Max];
    /// <summary>Slot of the real server.</summary>
    public fixed uint Server[Max];
    /// <summary>Port to send by.</summary>
    public fixed byte Egress[Max];
    /// <summary>Next hop that a waiting packet waits for; MTU of a refused one.</summary>
    public fixed uint NextHop[Max];
    /// <summary>First fragment: index of its entry in the fragment table. Later one: its bytes (bits 0-15), offset in bytes (16-31) with 1 added if more follow.</summary>
    public fixed uint Fragment[Max];
    /// <summary>Scratch of Select: packets whose flow was not in the first bucket.</summary>
    public fixed byte Missed[Max];

    /// <summary>The verdict of a packet.</summary>
    public readonly Verdict VerdictOf(int index) => (Verdict)Verdicts[index];

    /// <summary>Drops a packet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Drop(int index, DropReason reason)
    {
        Verdicts[index] = (byte)Verdict.Drop;
        Reason[index] = (byte)reason;
    }

    /// <summary>A flow that was in its table before this packet has ended: packets of this burst that have found it have none now.</summary>
    public void Forget(ulong* value)
    {
        for (int i = 0; i < Count; i++)
        {
            Flow[i] = Flow[i] == (ulong)value ? 0 : Flow[i];
        }
    }

    /// <summary>Drops a packet and has its sender told. The frame must be as it came.</summary>
    public void Refuse(int index, DropReason reason, uint mtuBytes)
    {
        Verdicts[index] = (byte)Verdict.Refuse;
        Reason[index] = (byte)reason;
        NextHop[index] = mtuBytes;
    }

    /// <summary>Drops a packet that nobody serves; its sender is told, or not. The frame must be as it came.</summary>
    public void Unserved(int index, DropReason reason, bool isTold)
    {
        if (isTold)
        {
            Refuse(index, reason, 0);
        }
        else
        {
            Drop(index, reason);
        }
    }
}
