namespace Forwarder.Vrrp;

/// <summary>
/// Counters of one instance. With those of <see cref="VrrpReceiver"/> by <see cref="VrrpDecodeError"/> they are the
/// statistics of the VRRP MIB (RFC 6527), named in brackets.
/// </summary>
public sealed class VrrpCounters
{
    private readonly long[] _refused = new long[Enum.GetValues<VrrpDecodeError>().Length];

    /// <summary>When the instance was started, from which on all is counted (vrrpv3StatisticsRowDiscontinuityTime).</summary>
    public long SinceNs { get; internal set; }

    /// <summary>Why it became active the last time (vrrpv3StatisticsNewMasterReason).</summary>
    public VrrpReason ActiveReason { get; internal set; }

    /// <summary>Why an advertisement with its VRID was refused the last time (vrrpv3StatisticsProtoErrReason).</summary>
    public VrrpDecodeError LastRefusal { get; private set; }

    /// <summary>Transitions to Active (vrrpv3StatisticsMasterTransitions).</summary>
    public long ActiveTransitions { get; internal set; }

    /// <summary>Good advertisements received (vrrpv3StatisticsRcvdAdvertisements).</summary>
    public long AdvertsReceived { get; internal set; }

    public long AdvertsSent { get; internal set; }

    /// <summary>vrrpv3StatisticsRcvdPriZeroPackets.</summary>
    public long PriorityZeroReceived { get; internal set; }

    /// <summary>vrrpv3StatisticsSentPriZeroPackets.</summary>
    public long PriorityZeroSent { get; internal set; }

    /// <summary>Resignations of a router that was not the active one we follow: ignored.</summary>
    public long PriorityZeroIgnored { get; internal set; }

    /// <summary>Advertisements of a router worse than the active one heard a moment before. Ignored.</summary>
    public long LosersIgnored { get; internal set; }

    /// <summary>Advertisements from our own primary address: a loop, or an address used twice. Ignored.</summary>
    public long OwnAddressReceived { get; internal set; }

    /// <summary>Received in state Initialize. Ignored.</summary>
    public long ReceivedInInitialize { get; internal set; }

    /// <summary>Version 2 from a router that we hear in version 3 as well. Ignored (RFC 5798 section 8.4.1).</summary>
    public long Version2Shadowed { get; internal set; }

    /// <summary>Another router claims priority 255 as well: one of the two is configured wrongly.</summary>
    public long OwnerConflicts { get; internal set; }

    /// <summary>Advertisements of a rival heard while active: two were active.</summary>
    public long RivalsHeard { get; internal set; }

    /// <summary>Advertised interval differs from the configured one, and was adopted.</summary>
    public long IntervalsLearned { get; internal set; }

    /// <summary>Master_Down_Timer was handled so late that advertisements may be waiting unread: one more chance given.</summary>
    public long LateTimers { get; internal set; }

    /// <summary>Leases that ran out before they were renewed.</summary>
    public long LeasesLost { get; internal set; }

    /// <summary>Advertisements with its VRID that were refused for this reason.</summary>
    public long Refused(VrrpDecodeError error) => _refused[(int)error];

    /// <summary>Counts one.</summary>
    public void Refuse(VrrpDecodeError error)
    {
        _refused[(int)error]++;
        LastRefusal = error;
    }

    /// <summary>Times the sync group kept a member from becoming active alone.</summary>
    public long HeldByGroup { get; internal set; }
}
