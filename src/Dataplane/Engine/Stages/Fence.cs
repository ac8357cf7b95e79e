using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Last look at the leases before a burst is sent: a worker that was stopped since it read the clock would forward for VIPs
/// that are another director's by now.
/// </summary>
public static unsafe class Fence
{
    /// <summary>
    /// A burst takes a few microseconds; after more than this the thread was stopped. Less does no harm: a lease ends at least a
    /// millisecond before a peer may take over.
    /// </summary>
    public const ulong StoppedNs = 20_000;

    /// <summary>Says what time it is, and looks again if the worker was stopped.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(EngineState* state, Burst* burst, ulong nowNs)
    {
        if (nowNs - state->NowNs > StoppedNs)
        {
            state->NowNs = nowNs;
            LookAgain(state, burst);
        }
    }

    /// <summary>VRRP group of a packet that has a server; 0 = none.</summary>
    public static uint GroupOf(EngineState* state, Burst* burst, int i) =>
        state->View.Services[state->View.Servers[burst->Server[i]].Service].VrrpGroup;

    /// <summary>Drops what was to be forwarded for groups that are not owned any more.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LookAgain(EngineState* state, Burst* burst)
    {
        for (int i = 0; i < burst->Count; i++)
        {
            if (burst->VerdictOf(i) == Verdict.Forward && !state->Owns(GroupOf(state, burst, i)))
            {
                burst->Drop(i, DropReason.VipNotOwned);
                state->Block->Counters.ForwardedPackets--;
                state->Block->Counters.ForwardedBytes -= burst->Length[i] - burst->L3Offset[i];
            }
        }
    }
}
