using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The states of a flow, after IPVS's: SYN opens, ACK establishes, FIN closes, RST ends. Where only the client is heard (direct
/// routing, tunnels) its FIN is all there is; with NAT and FullNAT both sides count. One byte per direction, state and
/// TCP flags, so that a packet costs one load.
/// </summary>
public static unsafe class FlowStates
{
    /// <summary>States that the tables have room for, combinations of FIN, SYN, RST and ACK, and entries of a direction.</summary>
    public const int StateCount = 8, FlagCount = 32, TableSize = StateCount * FlagCount;

    /// <summary>Directions: the client's where only that is heard, the client's, the server's.</summary>
    public const int ClientAlone = 0, Client = 1, Server = 2, DirectionCount = 3;

    /// <summary>TCP flags that decide.</summary>
    public const byte FlagMask = Wire.Fin | Wire.Syn | Wire.Rst | Wire.Ack;

    /// <summary>Next state of a flow. A packet of no known kind changes nothing; as a first one it opens a flow that is soon forgotten.</summary>
    public static FlowState Next(int direction, FlowState state, byte flags)
    {
        if (state == FlowState.Udp)
        {
            return FlowState.Udp;
        }

        if ((flags & Wire.Rst) != 0)
        {
            // What comes late, after both have closed, is no reason to forget the flow sooner.
            return direction == Server && state == FlowState.TimeWait ? state : FlowState.Close;
        }

        if ((flags & Wire.Syn) != 0)
        {
            // A repeated SYN of a live flow changes nothing; after FIN or RST the port is being used again. A server's proves nothing.
            return direction == Server || state == FlowState.Established ? state : FlowState.SynReceived;
        }

        if ((flags & Wire.Fin) != 0)
        {
            return AfterFin(direction, state);
        }

        if ((flags & Wire.Ack) == 0)
        {
            return state == FlowState.None ? FlowState.Close : state;
        }

        return direction != Server && state is FlowState.None or FlowState.SynReceived ? FlowState.Established : state;
    }

    /// <summary>State of a flow by its first packet.</summary>
    public static FlowState First(byte protocol, byte flags) => protocol == Wire.Udp ? FlowState.Udp : Next(ClientAlone, FlowState.None, flags);

    /// <summary>Whether IPVS counts the state as active (ActiveConn) or inactive (InActConn): SYN_RECV and ESTABLISHED are, UDP is not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsActive(uint state) => state - (uint)FlowState.SynReceived <= (uint)FlowState.Established - (uint)FlowState.SynReceived;

    /// <summary>
    /// Whether a SYN that finds the flow in this state opens a new flow: the client uses its port again. FIN_WAIT is where a flow ends
    /// of which only the client is heard; where both are, it waits for the other FIN (IPVS: conn_reuse_mode 3).
    /// </summary>
    public static bool IsReusable(int direction, FlowState state) =>
        direction != Server && (state is FlowState.TimeWait or FlowState.Close || (state is FlowState.FinWait or FlowState.CloseWait && direction == ClientAlone));

    /// <summary>
    /// Fills the tables of transitions: at [(direction × <see cref="StateCount"/> + state) × <see cref="FlagCount"/> + (flags &amp;
    /// <see cref="FlagMask"/>)]. <see cref="FlowState.None"/> stands where a SYN uses the port of a closed flow again.
    /// </summary>
    public static void Fill(byte* table)
    {
        for (int at = 0; at < DirectionCount * TableSize; at++)
        {
            int direction = at / TableSize;
            FlowState state = (FlowState)(at / FlagCount % StateCount);
            byte flags = (byte)(at % FlagCount);
            bool again = (flags & (Wire.Syn | Wire.Rst)) == Wire.Syn && IsReusable(direction, state);
            table[at] = again ? (byte)FlowState.None : (byte)Next(direction, state, flags);
        }
    }

    private static FlowState AfterFin(int direction, FlowState state)
    {
        if (direction == ClientAlone)
        {
            return state is FlowState.Close or FlowState.TimeWait ? state : FlowState.FinWait;
        }

        FlowState own = direction == Client ? FlowState.CloseWait : FlowState.FinWait;
        return state switch
        {
            FlowState.Close or FlowState.TimeWait => state,
            FlowState.Established => own,
            _ => state == own ? own : FlowState.TimeWait,   // of the other side, or before the flow was open
        };
    }
}
