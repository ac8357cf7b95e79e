using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Active and inactive flows of a server slot, as this worker has them in its tables. They belong to one incarnation of
/// the slot: the first flow of a new one starts them at 0, and flows left over from the old one no longer count.
/// </summary>
public static unsafe class FlowCounts
{
    /// <summary>A flow of a service has come into the table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Enter(EngineState* state, uint server, uint service, uint flowState)
    {
        ServerCounters* counters = state->Servers + server;
        byte incarnation = state->View.Servers[server].Incarnation;
        if (counters->Incarnation != incarnation)
        {
            Restart(state, counters, service, incarnation);
        }

        Of(counters, flowState)++;
        state->Services[service].Connections++;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Restart(EngineState* state, ServerCounters* counters, uint service, byte incarnation)
    {
        state->Services[counters->Service].Connections -= counters->ActiveConnections + counters->InactiveConnections;
        counters->Incarnation = incarnation;
        counters->Service = (ushort)service;
        counters->ActiveConnections = 0;
        counters->InactiveConnections = 0;
    }

    /// <summary>A flow has changed its state.</summary>
    public static void Change(ServerCounters* counters, uint before, uint after)
    {
        Of(counters, before)--;
        Of(counters, after)++;
    }

    /// <summary>A flow has left the table.</summary>
    public static void Leave(EngineState* state, ulong value)
    {
        ServerCounters* counters = state->Servers + FlowValue.Server(value);
        if (FlowValue.Server(value) < Limits.ServersMax && counters->Incarnation == FlowValue.Incarnation(value))
        {
            Of(counters, FlowValue.State(value))--;
            state->Services[counters->Service].Connections--;
        }
    }

    /// <summary>Flows of a server in the table.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Total(ServerCounters* counters, byte incarnation) =>
        counters->Incarnation != incarnation ? 0 : counters->ActiveConnections + counters->InactiveConnections;

    /// <summary>IPVS's measure of a server's load: active × 256 + inactive.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load(ServerCounters* counters, byte incarnation) =>
        counters->Incarnation != incarnation ? 0 : ((ulong)counters->ActiveConnections * 256) + counters->InactiveConnections;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ref uint Of(ServerCounters* counters, uint flowState) =>
        ref FlowStates.IsActive(flowState) ? ref counters->ActiveConnections : ref counters->InactiveConnections;
}
