namespace Forwarder.Vrrp;

/// <summary>
/// How gratuitous ARP (IPv4) and unsolicited neighbour advertisements (IPv6) are repeated; names in brackets are keepalived's.
/// </summary>
public sealed record VrrpAnnounceConfig
{
    /// <summary>Announcements of each address in a burst (garp_master_repeat).</summary>
    public int Count { get; init; } = 5;

    /// <summary>Time from the first burst to the second; 0: no second one (garp_master_delay).</summary>
    public int RepeatDelayMs { get; init; } = 5000;

    /// <summary>Period of further bursts while active; 0: none (garp_master_refresh).</summary>
    public int RefreshMs { get; init; }

    /// <summary>Announcements of each address in a refresh (garp_master_refresh_repeat).</summary>
    public int RefreshCount { get; init; } = 1;
}
