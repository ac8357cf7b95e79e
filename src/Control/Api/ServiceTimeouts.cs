namespace Forwarder.Api;

/// <summary>Time-outs of one virtual service, as in <see cref="TimeoutSettings"/>; null = the director's.</summary>
public sealed record ServiceTimeouts
{
    /// <summary>SYN_RECV.</summary>
    public int? TcpSynReceivedS { get; set; }

    /// <summary>ESTABLISHED.</summary>
    public int? TcpEstablishedS { get; set; }

    /// <summary>FIN_WAIT.</summary>
    public int? TcpFinWaitS { get; set; }

    /// <summary>CLOSE_WAIT.</summary>
    public int? TcpCloseWaitS { get; set; }

    /// <summary>TIME_WAIT.</summary>
    public int? TcpTimeWaitS { get; set; }

    /// <summary>CLOSE.</summary>
    public int? TcpCloseS { get; set; }

    /// <summary>UDP.</summary>
    public int? UdpS { get; set; }

    /// <summary>SCTP, INIT1.</summary>
    public int? SctpInit1S { get; set; }

    /// <summary>SCTP, INIT.</summary>
    public int? SctpInitS { get; set; }

    /// <summary>SCTP, C-SENT.</summary>
    public int? SctpCookieSentS { get; set; }

    /// <summary>SCTP, C-REPLIED.</summary>
    public int? SctpCookieRepliedS { get; set; }

    /// <summary>SCTP, C-WAIT.</summary>
    public int? SctpCookieWaitS { get; set; }

    /// <summary>SCTP, COOKIE.</summary>
    public int? SctpCookieS { get; set; }

    /// <summary>SCTP, C-ECHOED.</summary>
    public int? SctpCookieEchoedS { get; set; }

    /// <summary>SCTP, ESTABLISHED.</summary>
    public int? SctpEstablishedS { get; set; }

    /// <summary>SCTP, S-SENT.</summary>
    public int? SctpShutdownSentS { get; set; }

    /// <summary>SCTP, S-RECEIVED.</summary>
    public int? SctpShutdownReceivedS { get; set; }

    /// <summary>SCTP, S-ACK-SENT.</summary>
    public int? SctpShutdownAckSentS { get; set; }

    /// <summary>SCTP, REJECTED.</summary>
    public int? SctpRejectedS { get; set; }

    /// <summary>SCTP, CLOSED.</summary>
    public int? SctpClosedS { get; set; }

    /// <summary>These time-outs, with what is null taken from others.</summary>
    public ServiceTimeouts Over(ServiceTimeouts? others) => others == null ? this : new ServiceTimeouts
    {
        TcpSynReceivedS = TcpSynReceivedS ?? others.TcpSynReceivedS,
        TcpEstablishedS = TcpEstablishedS ?? others.TcpEstablishedS,
        TcpFinWaitS = TcpFinWaitS ?? others.TcpFinWaitS,
        TcpCloseWaitS = TcpCloseWaitS ?? others.TcpCloseWaitS,
        TcpTimeWaitS = TcpTimeWaitS ?? others.TcpTimeWaitS,
        TcpCloseS = TcpCloseS ?? others.TcpCloseS,
        UdpS = UdpS ?? others.UdpS,
        SctpInit1S = SctpInit1S ?? others.SctpInit1S,
        SctpInitS = SctpInitS ?? others.SctpInitS,
        SctpCookieSentS = SctpCookieSentS ?? others.SctpCookieSentS,
        SctpCookieRepliedS = SctpCookieRepliedS ?? others.SctpCookieRepliedS,
        SctpCookieWaitS = SctpCookieWaitS ?? others.SctpCookieWaitS,
        SctpCookieS = SctpCookieS ?? others.SctpCookieS,
        SctpCookieEchoedS = SctpCookieEchoedS ?? others.SctpCookieEchoedS,
        SctpEstablishedS = SctpEstablishedS ?? others.SctpEstablishedS,
        SctpShutdownSentS = SctpShutdownSentS ?? others.SctpShutdownSentS,
        SctpShutdownReceivedS = SctpShutdownReceivedS ?? others.SctpShutdownReceivedS,
        SctpShutdownAckSentS = SctpShutdownAckSentS ?? others.SctpShutdownAckSentS,
        SctpRejectedS = SctpRejectedS ?? others.SctpRejectedS,
        SctpClosedS = SctpClosedS ?? others.SctpClosedS,
    };

    /// <summary>The director's time-outs with these in their places.</summary>
    public TimeoutSettings Over(TimeoutSettings director) => director with
    {
        TcpSynReceivedS = TcpSynReceivedS ?? director.TcpSynReceivedS,
        TcpEstablishedS = TcpEstablishedS ?? director.TcpEstablishedS,
        TcpFinWaitS = TcpFinWaitS ?? director.TcpFinWaitS,
        TcpCloseWaitS = TcpCloseWaitS ?? director.TcpCloseWaitS,
        TcpTimeWaitS = TcpTimeWaitS ?? director.TcpTimeWaitS,
        TcpCloseS = TcpCloseS ?? director.TcpCloseS,
        UdpS = UdpS ?? director.UdpS,
        SctpInit1S = SctpInit1S ?? director.SctpInit1S,
        SctpInitS = SctpInitS ?? director.SctpInitS,
        SctpCookieSentS = SctpCookieSentS ?? director.SctpCookieSentS,
        SctpCookieRepliedS = SctpCookieRepliedS ?? director.SctpCookieRepliedS,
        SctpCookieWaitS = SctpCookieWaitS ?? director.SctpCookieWaitS,
        SctpCookieS = SctpCookieS ?? director.SctpCookieS,
        SctpCookieEchoedS = SctpCookieEchoedS ?? director.SctpCookieEchoedS,
        SctpEstablishedS = SctpEstablishedS ?? director.SctpEstablishedS,
        SctpShutdownSentS = SctpShutdownSentS ?? director.SctpShutdownSentS,
        SctpShutdownReceivedS = SctpShutdownReceivedS ?? director.SctpShutdownReceivedS,
        SctpShutdownAckSentS = SctpShutdownAckSentS ?? director.SctpShutdownAckSentS,
        SctpRejectedS = SctpRejectedS ?? director.SctpRejectedS,
        SctpClosedS = SctpClosedS ?? director.SctpClosedS,
    };
}
