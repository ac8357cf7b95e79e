namespace Forwarder.Vrrp;

/// <summary>What the checksum of version 3 over IPv4 covers. IPv6 always has the pseudo-header, version 2 never.</summary>
public enum VrrpChecksumForm : byte
{
    /// <summary>Pseudo-header and message: RFC 5798 as keepalived and FRR read it.</summary>
    PseudoHeader,

    /// <summary>Message alone: RFC 9568 section 5.2.8, and routers that read RFC 5798 so.</summary>
    MessageOnly,
}
