using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>What GUE and GRE put between the outer IP header and the packet, as IPVS writes it.</summary>
internal static unsafe class TunnelHeader
{
    private const int GueBytes = 4, GreBytes = 4, GreChecksumBytes = 4, GreChecksumOffset = 4;

    /// <summary>The first byte of a GRE header with a checksum (RFC 2784 section 2.1).</summary>
    private const ushort GreChecksumPresent = 0x0080;

    /// <summary>Source ports are dynamic ones (RFC 6335 section 6) whose low bits are the flow's: routers spread flows by them, and a flow stays in order (RFC 7510 section 3).</summary>
    private const uint SourcePortBase = 0xC000, SourcePortMask = 0x3FFF;

    /// <summary>Bytes of the header; 0 with IPIP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Bytes(TargetEntry* target) => target->Encapsulation switch
    {
        Encapsulation.Ipip => 0,
        Encapsulation.Gue => Wire.UdpBytes + GueBytes,
        _ => target->Checksum != 0 ? GreBytes + GreChecksumBytes : GreBytes,
    };

    /// <summary>Writes the header in front of the packet; returns the protocol that the outer header names.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint Write(byte* inner, uint ipBytes, TargetEntry* target, uint flowHash, uint protocol)
    {
        if (target->Encapsulation == Encapsulation.Gue)
        {
            Gue(inner, ipBytes, target, flowHash, protocol);
            return Wire.Udp;
        }

        Gre(inner, ipBytes, target->Checksum != 0, protocol);
        return Wire.Gre;
    }

    private static void Gue(byte* inner, uint ipBytes, TargetEntry* target, uint flowHash, uint protocol)
    {
        byte* udp = inner - GueBytes - Wire.UdpBytes;
        ushort bytes = Wire.Swap((ushort)(ipBytes + GueBytes + Wire.UdpBytes));
        *(ushort*)udp = Wire.Swap((ushort)(SourcePortBase | (flowHash & SourcePortMask)));
        *(ushort*)(udp + 2) = target->Port;
        *(uint*)(udp + 4) = bytes;   // no checksum: RFC 768; over IPv6 RFC 6935 section 5
        *(uint*)(udp + Wire.UdpBytes) = protocol << 8;   // variant 0, data, no extensions; then the protocol and no flags
        if (target->Checksum != 0)
        {
            ulong pseudo = (ulong)target->HeaderSum + bytes + Wire.Swap(Wire.Udp);
            *(ushort*)(udp + Wire.UdpChecksumOffset) = Checksum.FoldUdp(Checksum.Sum(udp, Wire.UdpBytes + GueBytes + (int)ipBytes, pseudo));
        }
    }

    private static void Gre(byte* inner, uint ipBytes, bool checksum, uint protocol)
    {
        byte* gre = inner - GreBytes - (checksum ? GreChecksumBytes : 0);
        *(ushort*)gre = checksum ? GreChecksumPresent : (ushort)0;
        *(ushort*)(gre + 2) = protocol == Wire.Ipv4InIp ? Wire.Ipv4 : Wire.Ipv6;
        if (checksum)
        {
            *(uint*)(gre + GreChecksumOffset) = 0;
            *(ushort*)(gre + GreChecksumOffset) = Checksum.Fold(Checksum.Sum(gre, (int)(inner - gre) + (int)ipBytes));   // RFC 2784 section 2.3
        }
    }
}
