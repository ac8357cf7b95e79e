using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Takes expired flows out of the tables: a hand that goes round both tables once in <see cref="RoundMs"/>, a few buckets
/// each turn. It reads memory in order and needs none of its own. A call pays a small part of what is owed, so that no pause
/// is long; the rest is paid in the turns that follow.
/// </summary>
public static unsafe class FlowSweep
{
    /// <summary>Time of a round through a table: how late an expired flow may be taken out. With <see cref="EngineState.DeadlineGrainMs"/> less than a second.</summary>
    public const uint RoundMs = 700;

    /// <summary>Buckets of a table that a call looks at, and flows that it takes out (each may cost some cache misses), at the most.</summary>
    public const uint BucketsPerCallMax = 512, RemovalsPerCallMax = 64;

    /// <summary>Whether there is something to do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOwed(EngineState* state) => state->NowMs != state->SweepMs || (state->SweepOwed4 | state->SweepOwed6) != 0;

    /// <summary>Pays some of what is owed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state)
    {
        uint elapsedMs = state->NowMs - state->SweepMs;
        if (elapsedMs != 0)
        {
            state->SweepMs = state->NowMs;
            state->SweepOwed4 = Owed(state->SweepOwed4, state->Flows4.BucketCount, elapsedMs);
            state->SweepOwed6 = Owed(state->SweepOwed6, state->Flows6.BucketCount, elapsedMs);
        }

        state->SweepOwed4 -= Sweep4(state, Math.Min(state->SweepOwed4, BucketsPerCallMax));
        state->SweepOwed6 -= Sweep6(state, Math.Min(state->SweepOwed6, BucketsPerCallMax));
    }

    /// <summary>Takes a flow out of its table; what it held is free, and it no longer counts for its server.</summary>
    internal static void Remove4(EngineState* state, ulong* value)
    {
        FlowCounts.Leave(state, *value);
        LastHops.Leave(state, *value);
        LocalPorts.Leave(state, value, 4);
        state->Flows4.Remove(value);
    }

    /// <inheritdoc cref="Remove4"/>
    internal static void Remove6(EngineState* state, FlowTable6.Entry* entry)
    {
        FlowCounts.Leave(state, entry->Value);
        LastHops.Leave(state, entry->Value);
        LocalPorts.Leave(state, &entry->Value, 6);
        state->Flows6.Remove(entry);
    }

    /// <summary>Never more than a round.</summary>
    private static uint Owed(uint before, uint buckets, uint elapsedMs) => (uint)Math.Min(before + (((ulong)buckets * elapsedMs) / RoundMs) + 1, buckets);

    /// <summary>Returns how many buckets it has looked at.</summary>
    private static uint Sweep4(EngineState* state, uint buckets)
    {
        uint mask = state->Flows4.BucketCount - 1, at = state->SweepBucket4, done = 0, removed = 0;
        for (; done < buckets && removed < RemovalsPerCallMax; done++, at = (at + 1) & mask)
        {
            ulong* bucket = state->Flows4.Buckets + ((ulong)at * (FlowTable4.BucketBytes / sizeof(ulong)));
            Sse.Prefetch0(bucket + (16 * FlowTable4.BucketBytes / sizeof(ulong)));
            for (int way = 0; way < FlowTable4.Ways; way++)
            {
                ulong* value = bucket + FlowTable4.Ways + way;
                if (bucket[way] != 0 && FlowValue.IsExpired(*value, state->NowMs))
                {
                    Remove4(state, value);
                    removed++;
                }
            }
        }

        state->SweepBucket4 = at;
        state->Block->Counters.FlowsExpired += removed;
        state->Block->Flows4 = state->Flows4.Count;
        return done;
    }

    /// <inheritdoc cref="Sweep4"/>
    private static uint Sweep6(EngineState* state, uint buckets)
    {
        uint mask = state->Flows6.BucketCount - 1, at = state->SweepBucket6, done = 0, removed = 0;
        for (; done < buckets && removed < RemovalsPerCallMax; done++, at = (at + 1) & mask)
        {
            FlowTable6.Entry* bucket = state->Flows6.Buckets + ((ulong)at * FlowTable6.Ways);
            Sse.Prefetch0(bucket + (8 * FlowTable6.Ways));
            Sse.Prefetch0(bucket + (8 * FlowTable6.Ways) + 2);
            for (int way = 0; way < FlowTable6.Ways; way++)
            {
                if (bucket[way].Rest != 0 && (FlowValue.IsExpired(bucket[way].Value, state->NowMs) || SnatFlows.IsLost(state, bucket + way)))
                {
                    Remove6(state, bucket + way);
                    removed++;
                }
            }
        }

        state->SweepBucket6 = at;
        state->Block->Counters.FlowsExpired += removed;
        state->Block->Flows6 = state->Flows6.Count;
        return done;
    }
}
