namespace Forwarder.Vrrp;

/// <summary>Every number of the protocol that bounds something, in one place.</summary>
public static class VrrpLimits
{
    public const byte IpProtocol = 112;
    public const byte Ttl = 255;
    public const int VridMin = 1;
    public const int VridMax = 255;
    public const byte PriorityResign = 0;
    public const byte PriorityMin = 1;
    public const byte PriorityMax = 254;
    public const byte PriorityOwner = 255;

    /// <summary>Max Advertise Interval of version 3 is 12 bits of centiseconds (RFC 9568 section 5.2.7).</summary>
    public const int IntervalMaxCs = 4095;

    /// <summary>Adver Int of version 2 is one byte of whole seconds (RFC 3768 section 5.3.7).</summary>
    public const int IntervalMaxV2Cs = 25500;

    public const int CentisecondsPerSecond = 100;
    public const long NanosecondsPerCentisecond = 10_000_000;
    public const long NanosecondsPerMillisecond = 1_000_000;
    public const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Count IPvX Addr is one byte, and a list must not be split over advertisements (RFC 9568 section 5.2.5).</summary>
    public const int AddressesMax = 255;

    public const int HeaderBytes = 8;
    public const int AuthBytes = 8;
    public const int IPv4HeaderBytes = 20;
    public const int IPv6HeaderBytes = 40;
    public const int MtuDefaultBytes = 1500;
    public const int DelayMaxMs = 3_600_000;
    public const int AnnounceCountMax = 100;
    public const int UnicastPeersMax = 32;
    public const int WeightMax = 253;

    /// <summary>A peer that is to take over in a planned handover has at least so long after its skew.</summary>
    public const long HandoverPeerMinNs = 500 * NanosecondsPerMillisecond;

    /// <summary>Master_Down_Interval is three advertisement intervals and the skew (RFC 9568 section 6.1).</summary>
    public const int DownAdverts = 3;
}
