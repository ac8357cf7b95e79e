namespace Forwarder.Engine;

/// <summary>What a packet of a virtual service is, in <see cref="Burst.Path"/>: the IP version in the low bits, and flags.</summary>
public static class PacketPath
{
    /// <summary>From a client to a VIP.</summary>
    public const byte Ipv4 = 4, Ipv6 = 6;

    /// <summary>From a server behind NAT to its client.</summary>
    public const byte Reply = 0x80;

    /// <summary>An ICMP error that quotes a packet of a flow. To a VIP: it quotes an answer and is for the server. With <see cref="Reply"/>: it quotes a client's packet.</summary>
    public const byte Error = 0x40;

    /// <summary>With <see cref="Reply"/>: to a source address of FullNAT or SNAT; protocol, slot and port are in <see cref="Burst.Key"/>.</summary>
    public const byte Source = 0x20;

    /// <summary>Maybe of an inside host, outwards (SNAT): the protocol is in <see cref="Burst.Key"/>. With <see cref="Error"/>: an ICMP error about what came in.</summary>
    public const byte Snat = 0x10;

    /// <summary>The IP version.</summary>
    public static int Version(byte path) => path & 0xF;
}
