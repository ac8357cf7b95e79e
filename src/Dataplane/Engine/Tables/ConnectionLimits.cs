using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Whether a limit of connections is reached, as a worker knows it: its own flows to the last one, those of the other workers
/// as housekeeping has told it, see <see cref="ConnectionSums"/>.
/// </summary>
internal static unsafe class ConnectionLimits
{
    /// <summary>Whether a server gets no new flows: it has reached its upper threshold, and not yet fallen below the lower one (IPVS: IP_VS_DEST_F_OVERLOAD).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFull(EngineState* state, uint server)
    {
        ServerEntry* entry = state->View.Servers + server;
        return entry->UpperThreshold != 0 && IsOver(state, server, entry);
    }

    /// <summary>Whether a service takes no new flows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsFull(EngineState* state, ServiceEntry* service, uint slot) => service->ConnectionsMax != 0
        && (ulong)state->Services[slot].Connections + OtherConnections.Count(state->Others[Limits.ServersMax + slot]) >= service->ConnectionsMax;

    private static bool IsOver(EngineState* state, uint server, ServerEntry* entry)
    {
        uint others = state->Others[server];
        ulong total = (ulong)FlowCounts.Total(state->Servers + server, entry->Incarnation) + OtherConnections.Count(others);
        return IsOver(entry, total, OtherConnections.IsOverloaded(others));
    }

    /// <summary>The rule of thresholds: over from the upper one on, until below the lower one.</summary>
    internal static bool IsOver(ServerEntry* entry, ulong total, bool wasOver) => total >= entry->UpperThreshold || (wasOver && total >= entry->LowerThreshold);
}
