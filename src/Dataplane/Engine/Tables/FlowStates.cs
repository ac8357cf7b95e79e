using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The states of a flow of which only the client's packets are seen (direct routing, tunnel), after IPVS's input-only
/// table: SYN opens, ACK establishes, FIN closes, RST ends. One byte per state and TCP flags, so that a packet costs one load.
/// </summary>
public static unsafe class FlowStates
{
    /// <summary>States that the table has room for, and combinations of FIN, SYN, RST and ACK.</summary>
    public const int StateCount = 8, FlagCount = 32;

    /// <summary>TCP flags that decide.</summary>
    public const byte FlagMask = Wire.Fin | Wire.Syn | Wire.Rst | Wire.Ack;

    /// <summary>Next state at [state × <see cref="FlagCount"/> + (flags &amp; <see cref="FlagMask"/>)].</summary>
    public static FlowState Next(FlowState state, byte flags)
    {
        if (state == FlowState.Udp)
        {
            return FlowState.Udp;
        }

        if ((flags & Wire.Rst) != 0)
        {
            return FlowState.Close;
        }

        if ((flags & Wire.Syn) != 0)
        {
            // A repeated SYN of a live flow changes nothing; after FIN or RST the port is being used again.
            return state == FlowState.Established ? FlowState.Established : FlowState.SynReceived;
        }

        if ((flags & Wire.Fin) != 0)
        {
            return state == FlowState.Close ? FlowState.Close : FlowState.FinWait;
        }

        return state is FlowState.FinWait or FlowState.Close ? state : FlowState.Established;
    }

    /// <summary>State of a flow by its first packet.</summary>
    public static FlowState First(byte protocol, byte flags) => protocol == Wire.Udp ? FlowState.Udp : Next(FlowState.None, flags);

    /// <summary>Whether IPVS counts the state as active (ActiveConn) or inactive (InActConn).</summary>
    public static bool IsActive(uint state) => state is (uint)FlowState.Established or (uint)FlowState.Udp;

    /// <summary>Whether a SYN that finds the flow in this state opens a new flow: the client uses its port again.</summary>
    public static bool IsReusable(uint state) => state is (uint)FlowState.FinWait or (uint)FlowState.Close;

    /// <summary>Fills the table of transitions. <see cref="FlowState.None"/> stands where a SYN uses the port of a closed flow again.</summary>
    public static void Fill(byte* table)
    {
        for (int state = 0; state < StateCount; state++)
        {
            for (int flags = 0; flags < FlagCount; flags++)
            {
                bool again = (flags & Wire.Syn) != 0 && IsReusable((uint)state);
                table[(state * FlagCount) + flags] = again ? (byte)FlowState.None : (byte)Next((FlowState)state, (byte)flags);
            }
        }
    }
}
