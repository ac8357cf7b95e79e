using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>Turns an echo request for a VIP into its reply, in place (RFC 792, RFC 4443 section 4.2). It goes back to the MAC address that it came from.</summary>
internal static unsafe class EchoReply
{
    /// <summary>Bytes of an ICMP header; types of the messages.</summary>
    public const int HeaderBytes = 8;
    public const byte Request4 = 8, Request6 = 128, Reply4 = 0, Reply6 = 129;

    private const byte Ttl = 64;

    public static void Make4(in SlowPacket p, byte* icmp, int icmpBytes, ulong portMac)
    {
        byte* ip = p.Frame + p.L3;
        (*(uint*)(ip + 12), *(uint*)(ip + 16)) = (*(uint*)(ip + 16), *(uint*)(ip + 12));
        ip[8] = Ttl;
        *(ushort*)(ip + 10) = 0;
        *(ushort*)(ip + 10) = Checksum.Fold(Checksum.Sum(ip, (ip[0] & 0xF) * 4));
        icmp[0] = Reply4;
        *(ushort*)(icmp + 2) = 0;
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, icmpBytes));
        TurnRound(p.Frame, portMac);
    }

    public static void Make6(in SlowPacket p, byte* icmp, int icmpBytes, ulong portMac)
    {
        byte* ip = p.Frame + p.L3;
        for (int at = 8; at < 24; at += sizeof(ulong))
        {
            (*(ulong*)(ip + at), *(ulong*)(ip + at + 16)) = (*(ulong*)(ip + at + 16), *(ulong*)(ip + at));
        }

        ip[7] = Ttl;
        icmp[0] = Reply6;
        *(ushort*)(icmp + 2) = 0;
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, icmpBytes, Checksum.PseudoHeader6(ip, icmpBytes, Wire.Icmpv6)));
        TurnRound(p.Frame, portMac);
    }

    private static void TurnRound(byte* frame, ulong portMac) => EthernetHeader.SetMacs(frame, *(ulong*)(frame + 6) & Wire.MacMask, portMac);
}
