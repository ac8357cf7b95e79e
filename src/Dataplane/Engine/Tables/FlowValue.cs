using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// What the flow table knows of a flow, in 64 bits: bits 0-11 last hop of the client (NAT), 4-31 deadline in ms (a
/// multiple of 256, so that the two do not meet), 32-51 server slot, 52-59 the slot's incarnation, 60-63 the low bits of <see cref="FlowState"/>.
/// </summary>
public static class FlowValue
{
    private const int ServerShift = 32, IncarnationShift = 52, StateShift = 60, DeadlineShift = 4;

    /// <summary>Bits of a last hop's number in <see cref="LastHops"/>.</summary>
    public const uint LastHopMask = 0xFFF;

    /// <summary>Bits of a server slot.</summary>
    public const uint ServerMask = (1 << 20) - 1;

    /// <summary>Bits of a <see cref="FlowState"/> that a flow keeps.</summary>
    public const uint StateMask = 0xF;

    /// <summary>Packs a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Pack(uint server, byte incarnation, FlowState state, uint deadlineMs) =>
        (deadlineMs << DeadlineShift) | ((ulong)server << ServerShift) | ((ulong)incarnation << IncarnationShift) | ((ulong)state << StateShift);

    /// <summary>The same flow in another state and with another deadline.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong With(ulong value, uint state, uint deadlineMs) =>
        (value & 0x0FFF_FFFF_0000_0FFFUL) | ((ulong)state << StateShift) | (deadlineMs << DeadlineShift);

    /// <summary>Number of the last hop that the client's packets come from; 0 = none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LastHop(ulong value) => (uint)value & LastHopMask;

    /// <summary>The same flow with another last hop.</summary>
    public static ulong WithLastHop(ulong value, uint lastHop) => (value & ~(ulong)LastHopMask) | lastHop;

    /// <summary>Server slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Server(ulong value) => (uint)(value >> ServerShift) & ServerMask;

    /// <summary>Incarnation of the server slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Incarnation(ulong value) => (byte)(value >> IncarnationShift);

    /// <summary>State: the number of a <see cref="FlowState"/>, less <see cref="FlowState.Sctp"/> with SCTP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint State(ulong value) => (uint)(value >> StateShift);

    /// <summary>Whether the deadline has passed. Times wrap after 74 hours: they are compared by their distance.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsExpired(ulong value, uint nowMs) => (int)((uint)value - (nowMs << DeadlineShift)) < 0;

    /// <summary>Milliseconds until the deadline; 0 if it has passed.</summary>
    public static uint RemainingMs(ulong value, uint nowMs) => IsExpired(value, nowMs) ? 0 : (((uint)value & ~LastHopMask) - (nowMs << DeadlineShift)) >> DeadlineShift;
}
