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
    };
}
