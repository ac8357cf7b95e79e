using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Marks what else would be the host's and may be an inside host's: it goes elsewhere, and the snapshot has rules of SNAT. Whether
/// one of them takes it, <see cref="SelectSnat"/> says. Echo replies and errors about echoes come back to source addresses.
/// </summary>
internal static unsafe class ClassifySnat
{
    /// <summary>Marks a packet with these headers. <paramref name="flags"/> says whether it is an error, whose quoted packet then has the protocol.</summary>
    public static bool TryMark(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, byte protocol, byte flags = 0)
    {
        if (state->View.SnatRuleCount == 0 || !GoesElsewhere(state, ip))
        {
            return false;
        }

        burst->Path[i] = (byte)((ip[0] >> 4) | PacketPath.Snat | flags);
        burst->Key[i] = protocol;
        burst->L4Offset[i] = (ushort)(l4 - ip);
        burst->TcpFlags[i] = protocol == Wire.Tcp && flags == 0 ? l4[13] : (byte)0;
        return true;
    }

    /// <summary>An ICMP message that is no error about a packet with ports.</summary>
    public static bool TryMarkIcmp4(EngineState* state, Burst* burst, int i, byte* ip, uint headerBytes, uint totalBytes)
    {
        byte* icmp = ip + headerBytes;
        if (state->View.SnatRuleCount == 0 || totalBytes < headerBytes + EchoReply.HeaderBytes)
        {
            return false;
        }

        if (icmp[0] is EchoReply.Request4 or EchoReply.Reply4)
        {
            return icmp[0] == EchoReply.Request4
                ? TryMark(state, burst, i, ip, icmp, Wire.Icmp)
                : ClassifyKnown.ToSource4(state, burst, i, *(uint*)(ip + 16), *(ushort*)(icmp + SnatTuple.IdentifierOffset), PacketPath.Reply, Wire.Icmp, 0);
        }

        byte* quoted = icmp + ClassifyKnown.ErrorBytes;
        if (!ClassifyKnown.IsSoundError4(ip, headerBytes, totalBytes) || *(uint*)(ip + 16) != *(uint*)(quoted + 12))
        {
            return false;
        }

        byte* l4 = quoted + ((quoted[0] & 0xF) * 4);
        if (quoted[9] == Wire.Icmp && l4[0] == EchoReply.Request4)
        {
            return ClassifyKnown.ToSource4(state, burst, i, *(uint*)(quoted + 12), *(ushort*)(l4 + SnatTuple.IdentifierOffset), PacketPath.Error | PacketPath.Reply, Wire.Icmp, 0);
        }

        return (Wire.HasPorts(quoted[9]) || (quoted[9] == Wire.Icmp && l4[0] == EchoReply.Reply4)) && TryMark(state, burst, i, ip, icmp, quoted[9], PacketPath.Error);
    }

    /// <summary>As <see cref="TryMarkIcmp4"/>.</summary>
    public static bool TryMarkIcmp6(EngineState* state, Burst* burst, int i, byte* ip, byte* icmp, uint icmpBytes)
    {
        if (state->View.SnatRuleCount == 0 || icmpBytes < EchoReply.HeaderBytes)
        {
            return false;
        }

        burst->L4Offset[i] = (ushort)(icmp - ip);
        if (icmp[0] is EchoReply.Request6 or EchoReply.Reply6)
        {
            return icmp[0] == EchoReply.Request6
                ? TryMark(state, burst, i, ip, icmp, Wire.Icmpv6)
                : ClassifyKnown.ToSource6(state, burst, i, ip + 24, *(ushort*)(icmp + SnatTuple.IdentifierOffset), PacketPath.Reply, Wire.Icmpv6, 0);
        }

        byte* quoted = icmp + ClassifyKnown.ErrorBytes, l4 = quoted + Wire.Ipv6Bytes;
        if (!ClassifyKnown.IsSoundError6(ip, icmp, icmpBytes))
        {
            return false;
        }

        if (quoted[6] == Wire.Icmpv6 && l4[0] == EchoReply.Request6)
        {
            return ClassifyKnown.ToSource6(state, burst, i, quoted + 8, *(ushort*)(l4 + SnatTuple.IdentifierOffset), PacketPath.Error | PacketPath.Reply, Wire.Icmpv6, 0);
        }

        return (Wire.HasPorts(quoted[6]) || (quoted[6] == Wire.Icmpv6 && l4[0] == EchoReply.Reply6)) && TryMark(state, burst, i, ip, icmp, quoted[6], PacketPath.Error);
    }

    /// <summary>Whether a router passes on what has this destination (RFC 1812 section 5.3.7, RFC 3927 section 7, RFC 4291 section 2.5), and it is no address of the director.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool GoesElsewhere(EngineState* state, byte* ip)
    {
        if ((ip[0] >> 4) == 4)
        {
            return ip[16] is not (0 or 127 or >= 224) && !(ip[16] == 169 && ip[17] == 254) && state->View.FindLocal4(*(uint*)(ip + 16)) == null;
        }

        return *(ulong*)(ip + 24) != 0 && ip[24] != 0xFF && !(ip[24] == 0xFE && (ip[25] & 0xC0) == 0x80) && state->View.FindLocal6(*(ulong*)(ip + 24), *(ulong*)(ip + 32)) == null;
    }
}
