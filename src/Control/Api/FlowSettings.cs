namespace Forwarder.Api;

/// <summary>How flows begin and end: of all virtual services, or of one, where null means as for all.</summary>
public sealed record FlowSettings
{
    /// <summary>Whether any TCP packet opens a flow (true, the default) or a SYN alone (false). IPVS's sloppy_tcp.</summary>
    public bool? SloppyTcp { get; set; }

    /// <summary>Whether any SCTP packet opens a flow (true, the default) or an INIT alone (false). IPVS's sloppy_sctp.</summary>
    public bool? SloppySctp { get; set; }

    /// <summary>
    /// What becomes of a flow whose real server is removed: it ends (true, the default), so that its next packet is one of a new flow,
    /// or it is kept until its time-out, its packets dropped, unless the server comes back (false). IPVS's expire_nodest_conn.
    /// </summary>
    public bool? ExpireNoDestination { get; set; }

    /// <summary>Whether flows of a real server of weight 0 end with their next packet (true), or go on (false, the default).</summary>
    public bool? ExpireQuiescent { get; set; }

    /// <summary>
    /// Whether who opens a flow while a service has no real server for it is told, by TCP reset, SCTP ABORT or ICMP port unreachable (true, the
    /// default), or gets no answer (false). In the director's settings: also who sends to a port of a VIP that has no virtual service.
    /// </summary>
    public bool? Reject { get; set; }

    /// <summary>These settings, with what is null taken from others.</summary>
    public FlowSettings Over(FlowSettings? others) => others == null ? this : new FlowSettings
    {
        SloppyTcp = SloppyTcp ?? others.SloppyTcp,
        SloppySctp = SloppySctp ?? others.SloppySctp,
        ExpireNoDestination = ExpireNoDestination ?? others.ExpireNoDestination,
        ExpireQuiescent = ExpireQuiescent ?? others.ExpireQuiescent,
        Reject = Reject ?? others.Reject,
    };
}
