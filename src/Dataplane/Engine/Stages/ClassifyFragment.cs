using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Classifies fragments of TCP, UDP and SCTP. A first one has the ports: it goes the ordinary way and leaves an entry in the
/// fragment table. Later ones wait for <see cref="Fragments"/>, which comes after all other stages.
/// </summary>
internal static unsafe class ClassifyFragment
{
    private const uint OffsetMask = 0x1FFF, More4 = 0x2000;

    /// <summary>A fragment of IPv4.</summary>
    public static void Ipv4(EngineState* state, Burst* burst, int i, byte* ip, uint headerBytes, uint totalBytes)
    {
        uint word = Wire.Swap(*(ushort*)(ip + 6));
        uint offset = (word & OffsetMask) * 8, bytes = totalBytes - headerBytes;
        bool more = (word & More4) != 0;
        byte* l4 = ip + headerBytes;
        DropReason fault = Fault(offset, bytes, more, ushort.MaxValue - headerBytes, ip[9]);
        fault = fault == DropReason.None && offset == 0 ? FirstFault(l4, bytes, ip[9]) : fault;
        if (fault != DropReason.None)
        {
            burst->Drop(i, fault);
            return;
        }

        if (offset != 0)
        {
            Later(burst, i, PacketPath.Ipv4, *(ushort*)(ip + 4), offset, bytes, more);
            return;
        }

        FragmentKey key = FragmentKey.Of4(ip);
        Classify.Ports4(state, burst, i, ip, l4, ip[9]);
        SetSctpEvent(burst, i, l4, bytes, ip[9]);
        First(state, burst, i, key, bytes);
    }

    /// <summary>A fragment of IPv6; <paramref name="l4"/> is what comes behind the fragment header, of a first fragment behind all extension headers.</summary>
    public static void Ipv6(EngineState* state, Burst* burst, int i, byte* ip, byte* header, byte* l4, uint l4Bytes, byte protocol)
    {
        uint word = Wire.Swap(*(ushort*)(header + 2)), offset = word & 0xFFF8, bytes = l4Bytes + (uint)(l4 - header) - Wire.Ipv6FragmentBytes;
        bool more = (word & 1) != 0;
        DropReason fault = Fault(offset, bytes, more, ushort.MaxValue, protocol);
        fault = fault == DropReason.None && offset == 0 ? FirstFault(l4, l4Bytes, protocol) : fault;
        if (fault != DropReason.None)
        {
            burst->Drop(i, fault);
            return;
        }

        uint identification = *(uint*)(header + 4);
        if (offset != 0)
        {
            Later(burst, i, PacketPath.Ipv6, identification, offset, bytes, more);
            return;
        }

        FragmentKey key = FragmentKey.Of6(ip, identification);
        Classify.Ports6(state, burst, i, ip, l4, protocol);
        SetSctpEvent(burst, i, l4, l4Bytes, protocol);
        First(state, burst, i, key, bytes);
    }

    /// <summary>RFC 791 section 3.2 and RFC 8200 section 4.5: all but the last are of whole units, and the datagram fits the length field.</summary>
    private static DropReason Fault(uint offset, uint bytes, bool more, uint bytesMax, byte protocol)
    {
        if (bytes == 0 || (more && bytes % 8 != 0) || offset + bytes > bytesMax)
        {
            return DropReason.FragmentBad;
        }

        // It would lie over TCP's flags: RFC 1858 section 4, RFC 3128.
        return offset == 8 && protocol == Wire.Tcp ? DropReason.FragmentTiny : DropReason.None;
    }

    /// <summary>The whole transport header must be there (RFC 1858 section 3, RFC 7112 section 5). UDP's length is that of all fragments.</summary>
    private static DropReason FirstFault(byte* l4, uint bytes, byte protocol)
    {
        if (protocol == Wire.Tcp)
        {
            uint headerBytes = bytes < Wire.TcpBytes ? uint.MaxValue : (uint)(l4[12] >> 4) * 4;
            return headerBytes > bytes ? DropReason.FragmentTiny : headerBytes < Wire.TcpBytes ? DropReason.L4HeaderBad : DropReason.None;
        }

        if (protocol == Wire.Sctp)
        {
            return bytes < Wire.SctpBytes ? DropReason.FragmentTiny : DropReason.None;
        }

        return bytes < Wire.UdpBytes ? DropReason.FragmentTiny : Wire.Swap(*(ushort*)(l4 + 4)) < Wire.UdpBytes ? DropReason.L4HeaderBad : DropReason.None;
    }

    private static void SetSctpEvent(Burst* burst, int i, byte* l4, uint bytes, byte protocol)
    {
        if (protocol == Wire.Sctp)
        {
            burst->TcpFlags[i] = SctpEvent.Of(l4, bytes);
        }
    }

    private static void First(EngineState* state, Burst* burst, int i, in FragmentKey key, uint bytes)
    {
        if (burst->Verdicts[i] != (byte)Verdict.None)
        {
            return;
        }

        FragmentEntry* entry = state->Fragments.Find(key, state->NowMs);
        if (entry != null && entry->State != FragmentEntry.Fate.HandOver)
        {
            burst->Drop(i, DropReason.FragmentOverlap);
            return;
        }

        if (entry != null)
        {
            FragmentTable.Remove(entry); // its home worker knows what it has seen
        }

        entry = state->Fragments.Insert(key, state->NowMs, out bool evicted);
        state->Block->Counters.FragmentsEvicted += evicted ? 1u : 0;
        entry->FirstIndex = (byte)i;
        _ = entry->Add(0, bytes, more: true);
        burst->Fragment[i] = state->Fragments.IndexOf(entry);
        burst->Fragments |= 1u << i;
    }

    private static void Later(Burst* burst, int i, byte path, uint identification, uint offset, uint bytes, bool more)
    {
        burst->Verdicts[i] = (byte)Verdict.Follow;
        burst->Path[i] = path;
        burst->Key[i] = identification;
        burst->Fragment[i] = bytes | ((offset | (more ? 1u : 0)) << 16);
        burst->Fragments |= 1u << i;
    }
}
