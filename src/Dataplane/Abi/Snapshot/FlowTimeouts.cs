using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>How long an idle flow is kept, in milliseconds, by its state; 1 to <see cref="MaxMs"/>. Defaults are those of IPVS.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public record struct FlowTimeouts
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 32;
    /// <summary>Longest time-out: a day.</summary>
    public const uint MaxMs = 86_400_000;
    /// <summary>TCP, client's SYN seen.</summary>
    public uint TcpSynReceivedMs;
    /// <summary>TCP, established.</summary>
    public uint TcpEstablishedMs;
    /// <summary>TCP, FIN of the server seen, or of the client where the server is not heard.</summary>
    public uint TcpFinWaitMs;
    /// <summary>TCP, reset seen.</summary>
    public uint TcpCloseMs;
    /// <summary>UDP.</summary>
    public uint UdpMs;
    /// <summary>TCP, FIN of both seen.</summary>
    public uint TcpTimeWaitMs;
    /// <summary>TCP, client's FIN seen, the server's not yet.</summary>
    public uint TcpCloseWaitMs;
    /// <summary>Padding.</summary>
    public uint Reserved;

    /// <summary>IPVS's defaults.</summary>
    public static FlowTimeouts Default => new()
    {
        TcpSynReceivedMs = 60_000,
        TcpEstablishedMs = 900_000,
        TcpFinWaitMs = 120_000,
        TcpCloseMs = 10_000,
        UdpMs = 300_000,
        TcpTimeWaitMs = 120_000,
        TcpCloseWaitMs = 60_000,
    };

    /// <summary>Whether each is in range.</summary>
    public readonly bool AreGood => IsGood(TcpSynReceivedMs) && IsGood(TcpEstablishedMs) && IsGood(TcpFinWaitMs) && IsGood(TcpCloseMs) && IsGood(UdpMs) && IsGood(TcpTimeWaitMs) && IsGood(TcpCloseWaitMs);

    private static bool IsGood(uint timeoutMs) => timeoutMs is >= 1 and <= MaxMs;
}
