using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Puts a packet into another one: IPv4 or IPv6 in IPv4 (RFC 2003, RFC 4213) or in IPv6 (RFC 2473), with GUE or GRE between
/// them where the server wants that. Fields of the outer header are those that IPVS writes: TTL of the inner one, don't-fragment
/// of an inner IPv4 packet, DSCP copied, ECN by RFC 3168's full-functionality option (RFC 6040's compatibility mode).
/// </summary>
internal static unsafe class Tunnel
{
    private const int EcnMask = 3, EcnCongested = 3, EcnCapable = 2;

    /// <summary>Takes one from the TTL and puts the outer headers in front. Mbufs have headroom for them (RTE_PKTMBUF_HEADROOM, 128 bytes).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Encapsulate(EngineState* state, Burst* burst, int i, TargetEntry* target, uint ipBytes)
    {
        byte* inner = (byte*)burst->Frame[i] + burst->L3Offset[i];
        bool inner4 = (inner[0] >> 4) == 4;
        int dsField = inner4 ? inner[1] : ((inner[0] << 4) | (inner[1] >> 4)) & 0xFF;
        dsField = (dsField & EcnMask) == EcnCongested ? (dsField & ~EcnMask) | EcnCapable : dsField;
        uint ttl = inner4 ? DecrementTtl4(inner) : --inner[7];
        uint dontFragment = inner4 ? *(ushort*)(inner + 6) & (uint)Wire.Ipv4DontFragment : 0;
        uint protocol = inner4 ? Wire.Ipv4InIp : Wire.Ipv6InIp;
        bool outer4 = target->IpVersion == 4;
        int outerBytes = outer4 ? Wire.Ipv4Bytes : Wire.Ipv6Bytes, between = TunnelHeader.Bytes(target);
        Shift(burst, i, outerBytes + between, outer4 ? Wire.Ipv4 : Wire.Ipv6);   // before the Ethernet header is written over
        byte* outer = inner - between - outerBytes;
        if (between != 0)
        {
            protocol = TunnelHeader.Write(inner, ipBytes, target, burst->Hash[i], protocol);
        }

        uint payloadBytes = ipBytes + (uint)between;
        if (outer4)
        {
            Outer4(outer, target, payloadBytes + Wire.Ipv4Bytes, (uint)dsField, Wire.Swap(++state->TunnelId) | (dontFragment << 16), ttl | (protocol << 8));
        }
        else
        {
            Outer6(outer, target, payloadBytes, (uint)dsField, (ttl << 8) | protocol);
        }
    }

    /// <summary>Takes one from the TTL of an IPv4 packet; the header's checksum follows (RFC 1624 equation 3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint DecrementTtl4(byte* ip)
    {
        // The TTL is the low byte of its word as loaded: less 1 is plus 0xFFFE in one's complement.
        *(ushort*)(ip + 10) = Checksum.Fold((ushort)~*(ushort*)(ip + 10) + 0xFFFEU);
        return --ip[8];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Outer4(byte* ip, TargetEntry* target, uint totalBytes, uint dsField, uint idAndFlags, uint ttlAndProtocol)
    {
        uint first = 0x45 | (dsField << 8) | ((uint)Wire.Swap((ushort)totalBytes) << 16);
        uint sum = target->HeaderSum + (first & 0xFFFF) + (first >> 16) + (idAndFlags & 0xFFFF) + (idAndFlags >> 16) + ttlAndProtocol;
        *(uint*)ip = first;
        *(uint*)(ip + 4) = idAndFlags;
        *(uint*)(ip + 8) = ttlAndProtocol | ((uint)Checksum.Fold(sum) << 16);
        *(uint*)(ip + 12) = (uint)target->SourceHigh;
        *(uint*)(ip + 16) = (uint)target->AddressHigh;
    }

    private static void Outer6(byte* ip, TargetEntry* target, uint payloadBytes, uint dsField, uint hopLimitAndNext)
    {
        *(uint*)ip = 0x60 | (dsField >> 4) | ((dsField & 0xF) << 12);
        *(uint*)(ip + 4) = Wire.Swap((ushort)payloadBytes) | ((hopLimitAndNext & 0xFF) << 16) | ((hopLimitAndNext >> 8) << 24);
        *(ulong*)(ip + 8) = target->SourceHigh;
        *(ulong*)(ip + 16) = target->SourceLow;
        *(ulong*)(ip + 24) = target->AddressHigh;
        *(ulong*)(ip + 32) = target->AddressLow;
    }

    /// <summary>Moves the Ethernet header (its tag and type; the addresses are written later) to make room behind it, or (less than 0) to close it up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Shift(Burst* burst, int i, int bytes, ushort etherType)
    {
        byte* old = (byte*)burst->Frame[i], frame = old - bytes;
        if (burst->L3Offset[i] != Wire.EthernetBytes)
        {
            *(uint*)(frame + 12) = *(uint*)(old + 12);
        }

        *(ushort*)(frame + burst->L3Offset[i] - 2) = etherType;
        burst->Frame[i] = (ulong)frame;
        burst->Length[i] += (uint)bytes;
        burst->Moved |= 1u << i;
    }
}
