namespace Forwarder.Vrrp;

/// <summary>What a network engineer says about one virtual router on one interface.</summary>
public sealed record VrrpConfig
{
    public VrrpVersion Version { get; init; } = VrrpVersion.V3;

    /// <summary>1 to 255.</summary>
    public byte Vrid { get; init; }

    /// <summary>1 to 254, or 255 for the address owner.</summary>
    public byte Priority { get; init; } = 100;

    /// <summary>Version 3: 1 to 4095 centiseconds. Version 2: whole seconds, 100 to 25500.</summary>
    public int IntervalCs { get; init; } = 100;

    /// <summary>1 to 255 virtual addresses of one family, in the order in which they are advertised.</summary>
    public IReadOnlyList<VrrpAddress> Addresses { get; init; } = [];

    /// <summary>Source of our advertisements and our side of the tie-break; link-local for IPv6.</summary>
    public VrrpAddress PrimaryAddress { get; init; }

    /// <summary>Empty: multicast.</summary>
    public IReadOnlyList<VrrpAddress> UnicastPeers { get; init; } = [];

    /// <summary>Lowest TTL accepted from unicast peers; 255 means peers on the same link.</summary>
    public byte UnicastMinTtl { get; init; } = VrrpLimits.Ttl;

    /// <summary>A backup takes over from an active router of lower priority.</summary>
    public bool Preempt { get; init; } = true;

    /// <summary>Time for which a router of lower priority is left alone before it is preempted.</summary>
    public int PreemptDelayMs { get; init; }

    /// <summary>Time from start-up in which we neither listen nor speak.</summary>
    public int StartDelayMs { get; init; }

    /// <summary>An active router that is not the owner takes packets for the addresses (RFC 9568 section 6.1, Accept_Mode).</summary>
    public bool AcceptMode { get; init; } = true;

    /// <summary>Version 2: adopt the active router's interval. Version 3 always does (RFC 9568 section 6.4.2).</summary>
    public bool LearnInterval { get; init; }

    /// <summary>Version 3 over IPv4: send and take version 2 as well, for the time of an upgrade (RFC 5798 section 8.4.1).</summary>
    public bool AlsoVersion2 { get; init; }

    public VrrpAuthType AuthType { get; init; }

    /// <summary>1 to 8 bytes with <see cref="VrrpAuthType.SimpleText"/>.</summary>
    public ReadOnlyMemory<byte> AuthData { get; init; }

    public VrrpChecksumForm ChecksumForm { get; init; }

    /// <summary>Drop advertisements whose addresses are not ours.</summary>
    public bool CheckAddressList { get; init; } = true;

    /// <summary>The virtual router has the MAC address of RFC 9568 section 7.3 instead of the port's; the state machine does not mind.</summary>
    public bool VirtualMac { get; init; }

    public VrrpAnnounceConfig Announce { get; init; } = new();

    public bool IsIPv6 => PrimaryAddress.IsIPv6;

    public bool IsOwner => Priority == VrrpLimits.PriorityOwner;

    public long IntervalNs => VrrpTimers.IntervalNs(IntervalCs);

    /// <summary>Lowest TTL that a received advertisement may carry.</summary>
    public byte MinTtl => UnicastPeers.Count == 0 ? VrrpLimits.Ttl : UnicastMinTtl;

    /// <summary>Everything that is wrong, or nothing. <paramref name="mtuBytes"/> is the interface's.</summary>
    public IReadOnlyList<VrrpConfigProblem> Validate(int mtuBytes = VrrpLimits.MtuDefaultBytes) =>
        VrrpConfigRules.Check(this, mtuBytes);

    /// <summary>The advertisement that this router sends.</summary>
    public VrrpAdvert Advert(byte priority, VrrpVersion version) =>
        new(version, Vrid, priority, IntervalCs, Addresses, AuthType, AuthData);
}
