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
}
