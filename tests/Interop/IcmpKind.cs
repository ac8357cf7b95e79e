namespace Forwarder.Interop.Tests;

/// <summary>What an ICMP or ICMPv6 message is.</summary>
public enum IcmpKind
{
    /// <summary>Another one, or none.</summary>
    None,
    EchoRequest,
    EchoReply,
    PortUnreachable,

    /// <summary>IPv6: unknown next header.</summary>
    ProtocolUnreachable,

    /// <summary>IPv4: fragmentation needed.</summary>
    TooBig,
    TimeExceeded,
}
