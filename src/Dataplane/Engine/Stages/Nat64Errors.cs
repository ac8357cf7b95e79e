using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// ICMP errors between an IPv6 client and an IPv4 server: the message and the packet that it quotes become those of the other
/// family (RFC 7915 sections 4.2, 4.3, 5.2 and 5.3). To the client they come from the VIP, to the server from its source address, as routers have no address in the other family.
/// </summary>
internal static unsafe class Nat64Errors
{
    private const byte Unreachable4 = 3, TimeExceeded4 = 11, ParameterProblem4 = 12, Unreachable6 = 1, TooBig6 = 2, TimeExceeded6 = 3, ParameterProblem6 = 4, None = 0xFF;

    /// <summary>Largest error: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c).</summary>
    private const int ErrorMax4Bytes = 576, ErrorMax6Bytes = 1_280;

    private const int HeaderDifferenceBytes = Wire.Ipv6Bytes - Wire.Ipv4Bytes, MtuMin6Bytes = 1_280, Ipv6NextHeaderAt = 6;

    /// <summary>What an ICMP unreachable says that is another type of message in ICMPv6.</summary>
    private const byte ProtocolUnreachable = 0xFE, FragmentationNeeded = 0xFD;

    /// <summary>Code of an ICMPv6 unreachable by that of an ICMP one; None = not sent on.</summary>
    private static ReadOnlySpan<byte> UnreachableCodes => [0, 0, ProtocolUnreachable, 4, FragmentationNeeded, 0, 0, 0, 0, 1, 1, 0, 0, 1, None, 1];

    /// <summary>Where a field of the IPv4 header is in an IPv6 header: RFC 7915 figure 3.</summary>
    private static ReadOnlySpan<byte> PointersTo6 => [0, 1, 4, 4, None, None, None, None, 7, 6, None, None, 8, 8, 8, 8, 24, 24, 24, 24];

    /// <summary>And the other way round: figure 6.</summary>
    private static ReadOnlySpan<byte> PointersTo4 => [0, 1, None, None, 2, 2, 9, 8, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16];

    /// <summary>About a packet to the server.</summary>
    public static DropReason ToClient(Burst* burst, int i, in Nat64.Ends ends, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], icmp = ip + ((ip[0] & 0xF) * 4), quoted = icmp + ClassifyKnown.ErrorBytes, l4 = quoted + ((quoted[0] & 0xF) * 4);
        if (Checksum.Fold(Checksum.Sum(icmp, (int)(ip + ipBytes - icmp))) != 0)
        {
            return DropReason.IcmpBad;
        }

        if (!TryMessage6(icmp, out uint typeAndCode, out uint rest))
        {
            return DropReason.NoTranslation;
        }

        int left = (int)(ip + ipBytes - l4), kept = Math.Min(left, ErrorMax6Bytes - (2 * Wire.Ipv6Bytes) - ClassifyKnown.ErrorBytes);
        uint trafficClass = ip[1], hopLimit = ip[8] - 1u, quotedClass = quoted[1], quotedTtl = quoted[8];
        ushort payloadBytes = (ushort)(Wire.Swap(*(ushort*)(quoted + 2)) - (l4 - quoted));
        byte protocol = quoted[9];
        byte* inner = l4 - Wire.Ipv6Bytes, message = inner - ClassifyKnown.ErrorBytes, outer = message - Wire.Ipv6Bytes;
        Shift(burst, i, ip, outer, left - kept, Wire.Ipv6);
        ServiceEntry* service = ends.Service;
        FlowTable6.Entry* client = ends.Client;
        IpHeader.Write6(outer, trafficClass, (int)(l4 + kept - message), Wire.Icmpv6, hopLimit, service->VipHigh, service->VipLow, client->High, client->Low);
        IpHeader.Write6(inner, quotedClass, payloadBytes, protocol, quotedTtl, client->High, client->Low, service->VipHigh, service->VipLow);
        (*(ushort*)l4, *(ushort*)(l4 + 2)) = (ends.ClientPort, service->Port);
        ProxyTcp.Unquote(ends.Told, l4, version: 6);
        (*(uint*)message, *(uint*)(message + 4)) = (typeAndCode, rest);
        Nat.SumError6(outer, message, (int)(l4 + kept - message));
        return DropReason.None;
    }

    /// <summary>About an answer of the server.</summary>
    public static DropReason ToServer(EngineState* state, Burst* burst, int i, in Nat64.Ends ends, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], icmp = ip + burst->L4Offset[i], quoted = icmp + ClassifyKnown.ErrorBytes, l4 = quoted + Wire.Ipv6Bytes;
        int icmpBytes = (int)(ip + ipBytes - icmp);
        if (Checksum.Fold(Checksum.Sum(icmp, icmpBytes, Checksum.PseudoHeader6(ip, icmpBytes, Wire.Icmpv6))) != 0)
        {
            return DropReason.IcmpBad;
        }

        if (!TryMessage4(icmp, out uint typeAndCode, out uint rest))
        {
            return DropReason.NoTranslation;
        }

        int left = (int)(ip + ipBytes - l4), kept = Math.Min(left, ErrorMax4Bytes - (2 * Wire.Ipv4Bytes) - ClassifyKnown.ErrorBytes);
        uint trafficClass = Nat64.TrafficClass(ip), hopLimit = ip[7] - 1u, quotedClass = Nat64.TrafficClass(quoted), quotedLimit = quoted[7];
        int quotedBytes = Wire.Swap(*(ushort*)(quoted + 4)) + Wire.Ipv4Bytes;
        byte protocol = quoted[6];
        byte* inner = l4 - Wire.Ipv4Bytes, message = inner - ClassifyKnown.ErrorBytes, outer = message - Wire.Ipv4Bytes;
        Shift(burst, i, ip, outer, left - kept, Wire.Ipv4);
        uint server = (uint)ends.Target->AddressHigh;
        IpHeader.Write4(outer, trafficClass, (int)(l4 + kept - outer), Wire.Swap(++state->TunnelId), hopLimit, Wire.Icmp, ends.Source4, server);
        IpHeader.Write4(inner, quotedClass, quotedBytes, (uint)Wire.Ipv4DontFragment << 16, quotedLimit, protocol, server, ends.Source4);
        (*(ushort*)l4, *(ushort*)(l4 + 2)) = (ends.Target->Port, ends.SourcePort);
        (*(uint*)message, *(uint*)(message + 4)) = (typeAndCode, rest);
        Nat.SumError4(message, (int)(l4 + kept - message));
        return DropReason.None;
    }

    /// <summary>RFC 7915 section 4.2. The checksum is left out.</summary>
    private static bool TryMessage6(byte* icmp, out uint typeAndCode, out uint rest)
    {
        byte code = icmp[1], to = None, pointer;
        (typeAndCode, rest) = (0, 0);
        switch (icmp[0])
        {
            case Unreachable4:
                to = code < UnreachableCodes.Length ? UnreachableCodes[code] : None;
                typeAndCode = to switch { ProtocolUnreachable => ParameterProblem6 | (1u << 8), FragmentationNeeded => TooBig6, _ => Unreachable6 | ((uint)to << 8) };
                rest = to switch { ProtocolUnreachable => (uint)Ipv6NextHeaderAt << 24, FragmentationNeeded => MtuField6(icmp), _ => 0u };
                return to != None;
            case TimeExceeded4:
                typeAndCode = TimeExceeded6 | ((uint)code << 8);
                return true;
            default:
                pointer = icmp[4] < PointersTo6.Length ? PointersTo6[icmp[4]] : None;
                (typeAndCode, rest) = (ParameterProblem6, (uint)pointer << 24);
                return code is 0 or 2 && pointer != None;
        }
    }

    /// <summary>At least the smallest that IPv6 has; a router that does not say its MTU gets that, too.</summary>
    private static uint MtuField6(byte* icmp4) => (uint)Wire.Swap((ushort)Math.Clamp(Wire.Swap(*(ushort*)(icmp4 + 6)) + HeaderDifferenceBytes, MtuMin6Bytes, ushort.MaxValue)) << 16;

    /// <summary>RFC 7915 section 5.2.</summary>
    private static bool TryMessage4(byte* icmp, out uint typeAndCode, out uint rest)
    {
        byte code = icmp[1], pointer;
        (typeAndCode, rest) = (0, 0);
        switch (icmp[0])
        {
            case Unreachable6:
                typeAndCode = Unreachable4 | ((code switch { 1 => 10u, 4 => 3u, _ => 1u }) << 8);
                return code <= 4;
            case TooBig6:
                uint mtuBytes = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(*(uint*)(icmp + 4));
                uint fitting = Math.Min(Math.Max(mtuBytes, (uint)MtuMin6Bytes) - (uint)HeaderDifferenceBytes, ushort.MaxValue);
                (typeAndCode, rest) = (Unreachable4 | (4u << 8), (uint)Wire.Swap((ushort)fitting) << 16);
                return true;
            case TimeExceeded6:
                typeAndCode = TimeExceeded4 | ((uint)code << 8);
                return true;
            default:
                uint at = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(*(uint*)(icmp + 4));
                pointer = at < (uint)PointersTo4.Length ? PointersTo4[(int)at] : None;
                (typeAndCode, rest) = code == 1 ? (Unreachable4 | (2u << 8), 0u) : ((uint)ParameterProblem4, (uint)pointer);
                return code == 1 || (code == 0 && pointer != None);
        }
    }

    /// <summary>The frame begins where the new outer header wants it, and ends earlier by what is cut off.</summary>
    private static void Shift(Burst* burst, int i, byte* ip, byte* outer, int cutBytes, ushort etherType)
    {
        burst->Length[i] -= (uint)cutBytes;
        Tunnel.Shift(burst, i, (int)(ip - outer), etherType);
    }
}
