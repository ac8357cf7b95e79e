namespace Forwarder.Abi;

/// <summary>
/// State of a flow, by IPVS's names. With direct routing and tunnels only the client's half is seen. A flow keeps the low four bits:
/// those of SCTP have <see cref="Sctp"/> added, and 2 is what an active flow of either protocol is in.
/// </summary>
public enum FlowState : byte
{
    /// <summary>No flow.</summary>
    None = 0,
    /// <summary>TCP: client's SYN seen (IPVS SYN_RECV).</summary>
    SynReceived = 1,
    /// <summary>TCP: client's ACK seen (IPVS ESTABLISHED).</summary>
    Established = 2,
    /// <summary>TCP: FIN of the server seen, or of the client where the server is not heard (IPVS FIN_WAIT).</summary>
    FinWait = 3,
    /// <summary>TCP: reset seen (IPVS CLOSE).</summary>
    Close = 4,
    /// <summary>UDP.</summary>
    Udp = 5,
    /// <summary>TCP: FIN of both seen (IPVS TIME_WAIT).</summary>
    TimeWait = 6,
    /// <summary>TCP: client's FIN seen, the server's not yet (IPVS CLOSE_WAIT).</summary>
    CloseWait = 7,
    /// <summary>Added to the numbers of SCTP's states.</summary>
    Sctp = 16,
    /// <summary>SCTP: association open (IPVS ESTABLISHED).</summary>
    SctpEstablished = 18,
    /// <summary>SCTP: client's first INIT seen (IPVS INIT1).</summary>
    SctpInit1 = 19,
    /// <summary>SCTP: another INIT of the client seen (IPVS INIT).</summary>
    SctpInit = 20,
    /// <summary>SCTP: server's INIT ACK with its cookie seen (IPVS C-SENT).</summary>
    SctpCookieSent = 21,
    /// <summary>SCTP: client's COOKIE ECHO seen (IPVS C-REPLIED).</summary>
    SctpCookieReplied = 22,
    /// <summary>SCTP: server's INIT seen (IPVS C-WAIT).</summary>
    SctpCookieWait = 23,
    /// <summary>SCTP: client's INIT ACK seen after the server's INIT (IPVS COOKIE).</summary>
    SctpCookie = 24,
    /// <summary>SCTP: server's COOKIE ECHO seen (IPVS C-ECHOED).</summary>
    SctpCookieEchoed = 25,
    /// <summary>SCTP: server's SHUTDOWN seen (IPVS S-SENT).</summary>
    SctpShutdownSent = 26,
    /// <summary>SCTP: client's SHUTDOWN seen (IPVS S-RECEIVED).</summary>
    SctpShutdownReceived = 27,
    /// <summary>SCTP: server's SHUTDOWN ACK seen (IPVS S-ACK-SENT).</summary>
    SctpShutdownAckSent = 28,
    /// <summary>SCTP: client's INIT answered by ABORT (IPVS REJECTED).</summary>
    SctpRejected = 29,
    /// <summary>SCTP: shut down or aborted (IPVS CLOSED).</summary>
    SctpClosed = 30,
}
