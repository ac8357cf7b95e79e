namespace Forwarder.Vrrp;

/// <summary>
/// The arithmetic of RFC 3768 section 6.1 and RFC 9568 section 6.1, in nanoseconds so that the skew of a 10 ms interval
/// (39 µs for each step of priority) does not vanish.
/// </summary>
public static class VrrpTimers
{
    public const long Never = long.MaxValue;

    private const int PrioritySteps = 256;

    public static long IntervalNs(int intervalCs) => intervalCs * VrrpLimits.NanosecondsPerCentisecond;

    /// <summary>
    /// Skew_Time. Version 3 scales with the interval of the active router; version 2 is (256 - priority) / 256 seconds
    /// whatever the interval.
    /// </summary>
    public static long SkewNs(VrrpVersion version, byte priority, long intervalNs)
    {
        long unitNs = version == VrrpVersion.V2 ? VrrpLimits.NanosecondsPerSecond : intervalNs;
        return (PrioritySteps - priority) * unitNs / PrioritySteps;
    }

    /// <summary>Master_Down_Interval (Active_Down_Interval in RFC 9568): three intervals and the skew.</summary>
    public static long MasterDownNs(VrrpVersion version, byte priority, long intervalNs) =>
        (VrrpLimits.DownAdverts * intervalNs) + SkewNs(version, priority, intervalNs);

    /// <summary>
    /// How long an advertisement entitles its sender to own the addresses: a tenth of an interval less than the
    /// shortest time after which a backup that heard it can take over, which is three intervals.
    /// </summary>
    public static long LeaseNs(long intervalNs) => (VrrpLimits.DownAdverts * intervalNs) - (intervalNs / 10);

    /// <summary>
    /// How long a planned handover waits for the peer: the longest skew that a peer can have, and half an interval for
    /// its advertisement to come in; with short intervals what a busy host needs to take over at all. The addresses are
    /// served here meanwhile.
    /// </summary>
    public static long HandoverNs(VrrpVersion version, long intervalNs) =>
        SkewNs(version, VrrpLimits.PriorityResign, intervalNs) + Math.Max(intervalNs / 2, VrrpLimits.HandoverPeerMinNs);
}
