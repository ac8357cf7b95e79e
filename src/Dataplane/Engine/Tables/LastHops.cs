using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>
/// Where clients' packets came from, so that what the director sends them goes the same way back, without routes: router's
/// (or client's) MAC address, port and VLAN. A flow behind NAT holds the number of its last hop; a number that no flow
/// holds is free. Sets of eight in a cache line; number 0 means none.
/// </summary>
public static unsafe class LastHops
{
    /// <summary>Numbers, number 0 included.</summary>
    public const int Capacity = (int)FlowValue.LastHopMask + 1;

    private const int Ways = 8, PortShift = 48, VlanShift = 52;
    private const ulong PortMask = 0xF;

    /// <summary>A last hop as the table has it. A port has 4 bits (<see cref="Forwarder.Abi.Limits.PortsMax"/>), a VLAN id 12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Pack(ulong mac, int port, uint vlan) => mac | ((ulong)port << PortShift) | ((ulong)vlan << VlanShift);

    public static ulong Mac(ulong hop) => hop & Wire.MacMask;

    public static int Port(ulong hop) => (int)((hop >> PortShift) & PortMask);

    public static ushort Vlan(ulong hop) => (ushort)(hop >> VlanShift);

    /// <summary>Has a flow hold another last hop. False if there is no free number for it: the flow then keeps what it has.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool TryChange(EngineState* state, ulong* value, ulong hop)
    {
        uint number = Find(state, hop);
        if (number == 0)
        {
            return false;
        }

        Leave(state, *value);
        state->LastHop[number] = hop;
        state->LastHopUses[number]++;
        *value = FlowValue.WithLastHop(*value, number);
        return true;
    }

    /// <summary>A flow has left the table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Leave(EngineState* state, ulong value)
    {
        uint number = FlowValue.LastHop(value);
        if (number != 0)
        {
            state->LastHopUses[number]--;
        }
    }

    private static uint Find(EngineState* state, ulong hop)
    {
        uint first = (uint)(Forwarder.Abi.Hashes.Mix64(hop) & ((Capacity / Ways) - 1)) * Ways, free = 0;
        for (uint number = Math.Max(first, 1); number < first + Ways; number++)
        {
            if (state->LastHop[number] == hop)
            {
                return number;
            }

            free = free == 0 && state->LastHopUses[number] == 0 ? number : free;
        }

        return free;
    }
}
