namespace Forwarder.Abi;

/// <summary>State of a flow. With direct routing only the client's half is seen (IPVS's input-only table).</summary>
public enum FlowState : byte
{
    /// <summary>No flow.</summary>
    None = 0,
    /// <summary>TCP: client's SYN seen (IPVS SYN_RECV).</summary>
    SynReceived = 1,
    /// <summary>TCP: client's ACK seen (IPVS ESTABLISHED).</summary>
    Established = 2,
    /// <summary>TCP: client's FIN seen (IPVS FIN_WAIT).</summary>
    FinWait = 3,
    /// <summary>TCP: reset seen (IPVS CLOSE).</summary>
    Close = 4,
    /// <summary>UDP.</summary>
    Udp = 5,
}
