using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>How long an idle flow is kept, in milliseconds, by its state; 1 to <see cref="MaxMs"/>. Defaults are those of IPVS.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public record struct FlowTimeouts
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 80;
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
    /// <summary>SCTP, by the states of <see cref="FlowState"/>.</summary>
    public uint SctpInit1Ms, SctpInitMs, SctpCookieSentMs, SctpCookieRepliedMs, SctpCookieWaitMs, SctpCookieMs, SctpCookieEchoedMs;
    /// <inheritdoc cref="SctpInit1Ms"/>
    public uint SctpEstablishedMs, SctpShutdownSentMs, SctpShutdownReceivedMs, SctpShutdownAckSentMs, SctpRejectedMs, SctpClosedMs;

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
        SctpInit1Ms = 4_000,
        SctpInitMs = 61_000,
        SctpCookieSentMs = 61_000,
        SctpCookieRepliedMs = 61_000,
        SctpCookieWaitMs = 61_000,
        SctpCookieMs = 61_000,
        SctpCookieEchoedMs = 61_000,
        SctpEstablishedMs = 900_000,
        SctpShutdownSentMs = 61_000,
        SctpShutdownReceivedMs = 61_000,
        SctpShutdownAckSentMs = 61_000,
        SctpRejectedMs = 4_000,
        SctpClosedMs = 61_000,
    };

    /// <summary>The time-out of a state; 0 for what is none.</summary>
    public readonly uint Of(FlowState state) => state switch
    {
        FlowState.SynReceived => TcpSynReceivedMs,
        FlowState.Established => TcpEstablishedMs,
        FlowState.FinWait => TcpFinWaitMs,
        FlowState.Close => TcpCloseMs,
        FlowState.Udp => UdpMs,
        FlowState.TimeWait => TcpTimeWaitMs,
        FlowState.CloseWait => TcpCloseWaitMs,
        FlowState.SctpInit1 => SctpInit1Ms,
        FlowState.SctpInit => SctpInitMs,
        FlowState.SctpCookieSent => SctpCookieSentMs,
        FlowState.SctpCookieReplied => SctpCookieRepliedMs,
        FlowState.SctpCookieWait => SctpCookieWaitMs,
        FlowState.SctpCookie => SctpCookieMs,
        FlowState.SctpCookieEchoed => SctpCookieEchoedMs,
        FlowState.SctpEstablished => SctpEstablishedMs,
        FlowState.SctpShutdownSent => SctpShutdownSentMs,
        FlowState.SctpShutdownReceived => SctpShutdownReceivedMs,
        FlowState.SctpShutdownAckSent => SctpShutdownAckSentMs,
        FlowState.SctpRejected => SctpRejectedMs,
        FlowState.SctpClosed => SctpClosedMs,
        _ => 0,
    };

    /// <summary>Whether each is in range: all fields are time-outs.</summary>
    public readonly bool AreGood => !MemoryMarshal.Cast<FlowTimeouts, uint>(new ReadOnlySpan<FlowTimeouts>(in this)).ContainsAnyExceptInRange(1u, MaxMs);
}
