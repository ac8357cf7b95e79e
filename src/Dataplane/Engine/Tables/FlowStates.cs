using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The states of a flow, after IPVS's: SYN opens, ACK establishes, FIN closes, RST ends. Where only the client is heard (direct
/// routing, tunnels) its FIN is all there is; with NAT and FullNAT both sides count. One byte per direction, state and
/// TCP flags, so that a packet costs one load. SCTP has tables of its own, see <see cref="SctpStates"/>.
/// </summary>
public static unsafe class FlowStates
{
    /// <summary>States of a protocol that the tables have room for, combinations of FIN, SYN, RST and ACK, and entries of a direction.</summary>
    public const int StateCount = 16, FlagCount = 32, TableSize = StateCount * FlagCount;

    /// <summary>Numbers of states of all protocols.</summary>
    public const int NumberCount = 32;

    /// <summary>Directions: the client's where only that is heard, the client's, the server's. A table for each, TCP's and UDP's before SCTP's.</summary>
    public const int ClientAlone = ServerEntry.StateTableAlone, Client = ServerEntry.StateTableClient, Server = ServerEntry.StateTableServer, DirectionCount = ServerEntry.StateTablesSctp, TableCount = 2 * DirectionCount;

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

    /// <summary>State of a flow by its first packet, the client's; <paramref name="table"/> is that of its server.</summary>
    public static FlowState First(byte protocol, int table, byte flags) => protocol switch
    {
        Wire.Udp => FlowState.Udp,
        Wire.Sctp => SctpStates.Next(table - DirectionCount, FlowState.None, flags),
        _ => Next(ClientAlone, FlowState.None, flags),
    };

    /// <summary>Whether a packet opens a flow in the proper way: by SYN, by INIT; any datagram does.</summary>
    public static bool IsOpening(byte protocol, byte flags) => protocol switch
    {
        Wire.Tcp => (flags & (Wire.Syn | Wire.Rst)) == Wire.Syn,
        Wire.Sctp => flags == SctpEvent.Init,
        _ => true,
    };

    /// <summary>The first of a protocol's tables.</summary>
    public static uint FirstTable(byte protocol) => protocol == Wire.Sctp ? (uint)DirectionCount : 0;

    /// <summary>Whether IPVS counts the state as active (ActiveConn) or inactive (InActConn): SYN_RECV and ESTABLISHED are, UDP is not, of SCTP ESTABLISHED alone. The low four bits tell.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsActive(uint state) => (state & FlowValue.StateMask) - (uint)FlowState.SynReceived <= (uint)FlowState.Established - (uint)FlowState.SynReceived;

    /// <summary>
    /// Whether a SYN that finds the flow in this state opens a new flow: the client uses its port again. FIN_WAIT is where a flow ends
    /// of which only the client is heard; where both are, it waits for the other FIN (IPVS: conn_reuse_mode 3).
    /// </summary>
    public static bool IsReusable(int direction, FlowState state) =>
        direction != Server && (state is FlowState.TimeWait or FlowState.Close || (state is FlowState.FinWait or FlowState.CloseWait && direction == ClientAlone));

    /// <summary>
    /// Fills the tables of transitions: at [(table × <see cref="StateCount"/> + state) × <see cref="FlagCount"/> + (flags &amp;
    /// <see cref="FlagMask"/>)]. <see cref="FlowState.None"/> stands where a SYN or INIT uses the port of a closed flow again.
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

        for (int at = DirectionCount * TableSize; at < TableCount * TableSize; at++)
        {
            int direction = (at / TableSize) - DirectionCount, state = at / FlagCount % StateCount;
            byte happens = (byte)(at % FlagCount);
            FlowState before = state == 0 ? FlowState.None : (FlowState)((int)FlowState.Sctp + state);
            table[at] = SctpStates.IsReusable(direction, before, happens) ? (byte)FlowState.None : (byte)SctpStates.Next(direction, before, happens);
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
