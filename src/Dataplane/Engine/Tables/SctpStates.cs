using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The states of an SCTP flow, as IPVS has them: what the real server is in, by the chunks of both sides, or of the client
/// alone (direct routing, tunnels). States before ESTABLISHED lie between <see cref="FlowState.SctpInit1"/> and <see cref="FlowState.SctpCookieEchoed"/>.
/// </summary>
public static class SctpStates
{
    /// <summary>Next state of a flow; <paramref name="happens"/> is a <see cref="SctpEvent"/>.</summary>
    public static FlowState Next(int direction, FlowState state, byte happens) => direction switch
    {
        FlowStates.ClientAlone => Alone(state, happens),
        FlowStates.Client => Client(state, happens),
        _ => Server(state, happens),
    };

    /// <summary>Whether an INIT that finds the flow in this state opens a new one, as with IPVS.</summary>
    public static bool IsReusable(int direction, FlowState state, byte happens) =>
        happens == SctpEvent.Init && state == FlowState.SctpClosed && direction != FlowStates.Server;

    private static FlowState Client(FlowState state, byte happens) => happens switch
    {
        SctpEvent.Init when state is FlowState.SctpInit1 or FlowState.SctpInit or FlowState.SctpRejected or FlowState.SctpClosed => FlowState.SctpInit,
        SctpEvent.InitAck when IsBefore(state, FlowState.SctpCookieSent) => FlowState.SctpCookieWait,
        SctpEvent.InitAck when state == FlowState.SctpCookieWait => FlowState.SctpCookie,
        SctpEvent.CookieEcho when state is FlowState.None or FlowState.SctpCookieSent => FlowState.SctpCookieReplied,
        SctpEvent.CookieEcho when state == FlowState.SctpInit1 => FlowState.SctpInit,
        SctpEvent.CookieAck when state == FlowState.SctpCookieEchoed => FlowState.SctpEstablished,
        SctpEvent.ShutdownAck when state is FlowState.SctpShutdownSent or FlowState.SctpShutdownAckSent => FlowState.SctpClosed,
        SctpEvent.ShutdownComplete when IsBefore(state, FlowState.SctpCookieSent) || state == FlowState.SctpShutdownAckSent => FlowState.SctpClosed,
        SctpEvent.Error when state == FlowState.SctpCookieEchoed => FlowState.SctpClosed,
        _ => OfClient(state, happens),
    };

    private static FlowState Alone(FlowState state, byte happens) => happens switch
    {
        SctpEvent.Data when state == FlowState.SctpCookieWait => FlowState.SctpEstablished,
        SctpEvent.Init when (state != FlowState.None && IsBefore(state, FlowState.SctpCookie)) || state is FlowState.SctpRejected or FlowState.SctpClosed => FlowState.SctpInit,
        SctpEvent.InitAck when IsBefore(state, FlowState.SctpCookie) => FlowState.SctpCookieEchoed,
        SctpEvent.CookieEcho when IsBefore(state, FlowState.SctpCookie) => FlowState.SctpEstablished,
        SctpEvent.CookieAck when state is FlowState.SctpCookieSent or FlowState.SctpCookieReplied or FlowState.SctpCookie or FlowState.SctpCookieEchoed => FlowState.SctpEstablished,
        SctpEvent.ShutdownAck when state is FlowState.SctpEstablished or FlowState.SctpShutdownSent or FlowState.SctpShutdownAckSent => FlowState.SctpClosed,
        SctpEvent.ShutdownComplete when IsBefore(state, FlowState.SctpCookieWait) || state is FlowState.SctpShutdownReceived or FlowState.SctpShutdownAckSent => FlowState.SctpClosed,
        _ => OfClient(state, happens),
    };

    /// <summary>What a client's chunk means whether the server is heard or not.</summary>
    private static FlowState OfClient(FlowState state, byte happens) => happens switch
    {
        SctpEvent.Abort => state == FlowState.SctpCookieWait ? FlowState.SctpRejected : FlowState.SctpClosed,
        SctpEvent.Shutdown when state is FlowState.None or FlowState.SctpEstablished => FlowState.SctpShutdownReceived,
        SctpEvent.ShutdownAck when state is FlowState.SctpInit1 => FlowState.SctpInit,
        SctpEvent.Init when state == FlowState.None => FlowState.SctpInit1,
        SctpEvent.ShutdownAck or SctpEvent.ShutdownComplete or SctpEvent.Error when state == FlowState.None => FlowState.SctpClosed,
        _ => state == FlowState.None ? FlowState.SctpEstablished : state,
    };

    private static FlowState Server(FlowState state, byte happens) => happens switch
    {
        SctpEvent.Init when state != FlowState.SctpEstablished => FlowState.SctpCookieWait,
        SctpEvent.InitAck when IsBefore(state, FlowState.SctpCookieReplied) => FlowState.SctpCookieSent,
        SctpEvent.CookieEcho when IsBefore(state, FlowState.SctpShutdownSent) => FlowState.SctpCookieEchoed,
        SctpEvent.CookieAck when IsBefore(state, FlowState.SctpShutdownSent) => FlowState.SctpEstablished,
        SctpEvent.Shutdown when IsBefore(state, FlowState.SctpShutdownSent) || state == FlowState.SctpEstablished => FlowState.SctpShutdownSent,
        SctpEvent.ShutdownAck when IsBefore(state, FlowState.SctpCookieWait) || state is FlowState.SctpShutdownSent or FlowState.SctpShutdownReceived => FlowState.SctpShutdownAckSent,
        SctpEvent.Error when IsBefore(state, FlowState.SctpCookieWait) => FlowState.SctpClosed,
        SctpEvent.Abort => state == FlowState.SctpInit1 ? FlowState.SctpRejected : FlowState.SctpClosed,
        SctpEvent.ShutdownComplete when state == FlowState.None => FlowState.SctpClosed,
        _ => state == FlowState.None ? FlowState.SctpEstablished : state,
    };

    /// <summary>Whether an association is not open yet, and its state comes before another one in the order of their numbers.</summary>
    private static bool IsBefore(FlowState state, FlowState other) => state < other && state != FlowState.SctpEstablished;
}
