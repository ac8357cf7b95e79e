namespace Forwarder.Vrrp;

/// <summary>
/// Why a received packet was not acted upon. This list is the list of counters; MIB names are those of RFC 6527,
/// for authentication those of RFC 2787.
/// </summary>
public enum VrrpDecodeError : byte
{
    /// <summary>The advertisement is good.</summary>
    None,

    /// <summary>IP header broken, wrong header checksum, or a fragment.</summary>
    BadIpHeader,

    /// <summary>IP protocol is not 112.</summary>
    NotVrrp,

    /// <summary>Neither the group address nor, with unicast peers, our own address.</summary>
    BadDestination,

    /// <summary>With unicast peers: the sender is not one of them.</summary>
    UnknownPeer,

    /// <summary>TTL or hop limit is not 255 (vrrpv3StatisticsIpTtlErrors).</summary>
    BadTtl,

    /// <summary>Neither version 2 nor 3, or version 2 over IPv6 (vrrpv3RouterVersionErrors).</summary>
    BadVersion,

    /// <summary>Type is not 1, ADVERTISEMENT (vrrpv3StatisticsRcvdInvalidTypePackets).</summary>
    BadType,

    /// <summary>Length does not fit the count of addresses (vrrpv3StatisticsPacketLengthErrors).</summary>
    BadLength,

    /// <summary>Checksum wrong in either form (vrrpv3RouterChecksumErrors).</summary>
    BadChecksum,

    /// <summary>Checksum right, but in the form that is not configured: the peers disagree on the pseudo-header.</summary>
    ChecksumFormMismatch,

    /// <summary>No instance with this VRID and family here (vrrpv3RouterVrIdErrors).</summary>
    BadVrid,

    /// <summary>A good packet of the other version, and the instance does not take both.</summary>
    VersionMismatch,

    /// <summary>Authentication type not known (vrrpStatsInvalidAuthType).</summary>
    InvalidAuthType,

    /// <summary>Authentication type known, but not the one configured (vrrpStatsAuthTypeMismatch).</summary>
    AuthTypeMismatch,

    /// <summary>Authentication data differs (vrrpStatsAuthFailures).</summary>
    AuthFailure,

    /// <summary>Version 2: interval differs and is not learned; both versions: zero (vrrpv3StatisticsAdvIntervalErrors).</summary>
    IntervalMismatch,

    /// <summary>The addresses are not those configured (vrrpv3StatisticsAddressListErrors).</summary>
    AddressListMismatch,
}
