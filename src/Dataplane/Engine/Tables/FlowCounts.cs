using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Active and inactive flows of a server slot, as this worker has them in its tables. They belong to one incarnation of
/// the slot: the first flow of a new one starts them at 0, and flows left over from the old one no longer count.
/// </summary>
public static unsafe class FlowCounts
{
    /// <summary>A flow has come into the table.</summary>
    public static void Enter(ServerCounters* counters, byte incarnation, uint flowState)
    {
        if (counters->Incarnation != incarnation)
        {
            counters->Incarnation = incarnation;
            counters->ActiveConnections = 0;
            counters->InactiveConnections = 0;
        }

        Of(counters, flowState)++;
    }

    /// <summary>A flow has changed its state.</summary>
    public static void Change(ServerCounters* counters, uint before, uint after)
    {
        Of(counters, before)--;
        Of(counters, after)++;
    }

    /// <summary>A flow has left the table.</summary>
    public static void Leave(ServerCounters* servers, ulong value)
    {
        ServerCounters* counters = servers + FlowValue.Server(value);
        if (FlowValue.Server(value) < Limits.ServersMax && counters->Incarnation == FlowValue.Incarnation(value))
        {
            Of(counters, FlowValue.State(value))--;
        }
    }

    /// <summary>IPVS's measure of a server's load: active × 256 + inactive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(ServerCounters* counters, byte incarnation) =>
        counters->Incarnation != incarnation ? 0 : ((ulong)counters->ActiveConnections * 256) + counters->InactiveConnections;

    private static ref uint Of(ServerCounters* counters, uint flowState) =>
        ref FlowStates.IsActive(flowState) ? ref counters->ActiveConnections : ref counters->InactiveConnections;
}
