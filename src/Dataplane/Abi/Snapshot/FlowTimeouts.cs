using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>How long an idle flow is kept, in milliseconds. Defaults are those of IPVS.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct FlowTimeouts
{
    /// <summary>TCP, client's SYN seen.</summary>
    public uint TcpSynReceivedMs;
    /// <summary>TCP, established.</summary>
    public uint TcpEstablishedMs;
    /// <summary>TCP, client's FIN seen.</summary>
    public uint TcpFinWaitMs;
    /// <summary>TCP, reset seen.</summary>
    public uint TcpCloseMs;
    /// <summary>UDP.</summary>
    public uint UdpMs;
    /// <summary>Padding.</summary>
    public uint Reserved;

    /// <summary>IPVS's defaults: 60 s, 900 s, 120 s, 10 s, 300 s.</summary>
    public static FlowTimeouts Default => new()
    {
        TcpSynReceivedMs = 60_000,
        TcpEstablishedMs = 900_000,
        TcpFinWaitMs = 120_000,
        TcpCloseMs = 10_000,
        UdpMs = 300_000,
    };
}
