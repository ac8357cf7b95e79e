namespace Forwarder.Api;

/// <summary>A virtual router (RFC 9568): VIPs that this director shares with others on one interface.</summary>
public sealed record VrrpGroupSettings
{
    /// <summary>Name, unique: letters, digits, '.', '-' and '_', at most 63.</summary>
    public required string Name { get; init; }

    /// <summary>Name of the interface on which advertisements are sent and heard; its port needs an exception port.</summary>
    public required string Interface { get; init; }

    /// <summary>VRID, 1 to 255; distinct on an interface for each family.</summary>
    public required int Vrid { get; init; }

    /// <summary>1 to 255 VIPs of one family, in the order in which they are advertised.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }

    /// <summary>Further VIPs, of either family, that move with the group and are not advertised (virtual_ipaddress_excluded).</summary>
    public IReadOnlyList<string> ExcludedAddresses { get; set; } = [];

    /// <summary>3 (RFC 9568) or 2 (RFC 3768, IPv4 only).</summary>
    public int Version { get; set; } = 3;

    /// <summary>1 to 254; 255 = address owner.</summary>
    public int Priority { get; set; } = 100;

    /// <summary>Time between advertisements in centiseconds: version 3 1 to 4095, version 2 whole seconds (100 to 25500).</summary>
    public int IntervalCs { get; set; } = 100;

    /// <summary>Whether a director of lower priority that is active is relieved.</summary>
    public bool Preempt { get; set; } = true;

    /// <summary>How long it is left alone before that, in ms.</summary>
    public int PreemptDelayMs { get; set; }

    /// <summary>Time after start in which this director neither listens nor speaks, in ms.</summary>
    public int StartDelayMs { get; set; }

    /// <summary>Version 2: password of 1 to 8 characters (simple text, RFC 2338); null = none.</summary>
    public string? Password { get; set; }

    /// <summary>Version 3 over IPv4: checksum without the pseudo-header, as some routers have it.</summary>
    public bool ChecksumWithoutPseudoHeader { get; set; }

    /// <summary>VIPs are at 00-00-5E-00-01-VRID (IPv4) or 00-00-5E-00-02-VRID (IPv6), which moves with them; false = at the port's own MAC address.</summary>
    public bool VirtualMac { get; set; }

    /// <summary>Gratuitous ARP and unsolicited neighbour advertisements of each VIP in a burst (garp_master_repeat).</summary>
    public int AnnounceCount { get; set; } = 5;

    /// <summary>Time to a second burst in ms; 0 = none (garp_master_delay).</summary>
    public int AnnounceRepeatDelayMs { get; set; } = 5_000;

    /// <summary>Period of further bursts while active in ms; 0 = none (garp_master_refresh).</summary>
    public int AnnounceRefreshMs { get; set; }

    /// <summary>Announcements of each VIP in such a burst (garp_master_refresh_repeat).</summary>
    public int AnnounceRefreshCount { get; set; } = 1;

    /// <summary>Own IPv4 address of <see cref="Interface"/> that advertisements come from; null = the first one, or that of the peers' network.</summary>
    public string? SourceAddress { get; set; }

    /// <summary>Addresses of the other directors, on <see cref="Interface"/> or behind <see cref="PeerGateway"/>: advertisements go to each of them, and are taken from them only; empty = multicast.</summary>
    public IReadOnlyList<string> Peers { get; set; } = [];

    /// <summary>Router on <see cref="Interface"/> to the peers that are in none of its networks; null = there are none.</summary>
    public string? PeerGateway { get; set; }

    /// <summary>Lowest TTL or hop limit that peers' advertisements may have, 1 to 255.</summary>
    public int PeerMinTtl { get; set; } = 255;

    /// <summary>Further interfaces on which the same advertisements are sent and heard.</summary>
    public IReadOnlyList<string> HeartbeatInterfaces { get; set; } = [];

    /// <summary>Interface on which the VIPs are announced and answered for; null = announced on <see cref="Interface"/>, answered for on all.</summary>
    public string? AddressInterface { get; set; }

    /// <summary>
    /// Whether <see cref="AddressInterface"/> is a heartbeat, too, so that a cut of the others does not make two directors active. Not with
    /// <see cref="Peers"/>. False: for a network where the VRID is another router's.
    /// </summary>
    public bool HeartbeatOnAddressInterface { get; set; } = true;

    /// <summary>Version 2: takes over the active director's interval instead of refusing another one. Version 3 always does.</summary>
    public bool LearnInterval { get; set; }

    /// <summary>Version 3 over IPv4: speaks and hears version 2, too, while directors are upgraded.</summary>
    public bool AlsoVersion2 { get; set; }

    /// <summary>Whether the VIPs themselves take packets: false = they answer no echo; virtual services are forwarded all the same. An owner (priority 255) always takes them.</summary>
    public bool AcceptMode { get; set; } = true;

    /// <summary>Whether advertisements with other VIPs are refused.</summary>
    public bool CheckAddressList { get; set; } = true;

    /// <summary>What moves the priority or keeps the group from taking part; in a sync group it counts for all members.</summary>
    public IReadOnlyList<VrrpTrackUse> Track { get; set; } = [];

    /// <summary>Whether the group takes no part while the VIPs' port has no link (without it: keepalived's dont_track_primary).</summary>
    public bool TrackLink { get; set; } = true;

    /// <summary>Whether the group takes no part while a worker stands still.</summary>
    public bool TrackWorkers { get; set; } = true;

    /// <summary>Programs to run on changes of state.</summary>
    public VrrpNotifySettings? Notify { get; set; }
}
