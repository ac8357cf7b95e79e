namespace Forwarder.Api;

/// <summary>How long idle flows are kept, in seconds; 1 to 86,400. Defaults are those of IPVS.</summary>
public sealed record TimeoutSettings
{
    /// <summary>TCP, only the client's SYN seen (SYN_RECV).</summary>
    public int TcpSynReceivedS { get; set; } = 60;

    /// <summary>TCP, established.</summary>
    public int TcpEstablishedS { get; set; } = 900;

    /// <summary>TCP, after the server's FIN, or the client's where the server is not heard: direct routing, tunnels (FIN_WAIT).</summary>
    public int TcpFinWaitS { get; set; } = 120;

    /// <summary>TCP, after the client's FIN, before the server's; NAT and FullNAT (CLOSE_WAIT).</summary>
    public int TcpCloseWaitS { get; set; } = 60;

    /// <summary>TCP, after the FIN of both; NAT and FullNAT (TIME_WAIT).</summary>
    public int TcpTimeWaitS { get; set; } = 120;

    /// <summary>TCP, after a reset (CLOSE).</summary>
    public int TcpCloseS { get; set; } = 10;

    /// <summary>UDP.</summary>
    public int UdpS { get; set; } = 300;

    /// <summary>SCTP, the client's first INIT seen (INIT1).</summary>
    public int SctpInit1S { get; set; } = 4;

    /// <summary>SCTP, another INIT of the client seen (INIT).</summary>
    public int SctpInitS { get; set; } = 61;

    /// <summary>SCTP, the server's INIT ACK seen (C-SENT).</summary>
    public int SctpCookieSentS { get; set; } = 61;

    /// <summary>SCTP, the client's COOKIE ECHO seen (C-REPLIED).</summary>
    public int SctpCookieRepliedS { get; set; } = 61;

    /// <summary>SCTP, the server's INIT seen (C-WAIT).</summary>
    public int SctpCookieWaitS { get; set; } = 61;

    /// <summary>SCTP, the client's INIT ACK seen after the server's INIT (COOKIE).</summary>
    public int SctpCookieS { get; set; } = 61;

    /// <summary>SCTP, the server's COOKIE ECHO seen (C-ECHOED).</summary>
    public int SctpCookieEchoedS { get; set; } = 61;

    /// <summary>SCTP, established (ESTABLISHED).</summary>
    public int SctpEstablishedS { get; set; } = 900;

    /// <summary>SCTP, the server's SHUTDOWN seen (S-SENT).</summary>
    public int SctpShutdownSentS { get; set; } = 61;

    /// <summary>SCTP, the client's SHUTDOWN seen (S-RECEIVED).</summary>
    public int SctpShutdownReceivedS { get; set; } = 61;

    /// <summary>SCTP, the server's SHUTDOWN ACK seen (S-ACK-SENT).</summary>
    public int SctpShutdownAckSentS { get; set; } = 61;

    /// <summary>SCTP, the client's INIT answered by ABORT (REJECTED).</summary>
    public int SctpRejectedS { get; set; } = 4;

    /// <summary>SCTP, shut down or aborted (CLOSED).</summary>
    public int SctpClosedS { get; set; } = 61;
}
