namespace Forwarder.Abi;

/// <summary>State of a flow, by IPVS's names. With direct routing and tunnels only the client's half is seen.</summary>
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
}
