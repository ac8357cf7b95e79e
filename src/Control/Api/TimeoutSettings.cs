namespace Forwarder.Api;

/// <summary>How long idle flows are kept, in seconds; 1 to 86,400. Defaults are those of IPVS.</summary>
public sealed record TimeoutSettings
{
    /// <summary>TCP, only the client's SYN seen.</summary>
    public int TcpSynReceivedS { get; set; } = 60;

    /// <summary>TCP, established.</summary>
    public int TcpEstablishedS { get; set; } = 900;

    /// <summary>TCP, after the client's FIN.</summary>
    public int TcpFinWaitS { get; set; } = 120;

    /// <summary>TCP, after a reset.</summary>
    public int TcpCloseS { get; set; } = 10;

    /// <summary>UDP.</summary>
    public int UdpS { get; set; } = 300;
}
