using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Takes expired flows out of the tables: a hand that goes round both tables once in <see cref="RoundMs"/>, a few buckets
/// each turn. It reads memory in order, needs none of its own, and its pause is bounded by <see cref="BucketsPerTurnMax"/>.
/// </summary>
public static unsafe class FlowSweep
{
    /// <summary>Time of a round through a table: how late an expired flow may be noticed.</summary>
    public const uint RoundMs = 1000;

    /// <summary>Buckets looked at in one turn at the most.</summary>
    public const uint BucketsPerTurnMax = 8192;

    /// <summary>Pays what is owed since the last call.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state)
    {
        uint elapsedMs = state->NowMs - state->SweepMs;
        if (elapsedMs == 0)
        {
            return;
        }

        state->SweepMs = state->NowMs;
        Sweep4(state, Owed(state->Flows4.BucketCount, elapsedMs));
        Sweep6(state, Owed(state->Flows6.BucketCount, elapsedMs));
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

    private static uint Owed(uint buckets, uint elapsedMs) =>
        (uint)Math.Min(Math.Min((((ulong)buckets * elapsedMs) / RoundMs) + 1, buckets), BucketsPerTurnMax);

    private static void Sweep4(EngineState* state, uint buckets)
    {
        uint mask = state->Flows4.BucketCount - 1, at = state->SweepBucket4;
        for (uint n = 0; n < buckets; n++, at = (at + 1) & mask)
        {
            ulong* bucket = state->Flows4.Buckets + ((ulong)at * (FlowTable4.BucketBytes / sizeof(ulong)));
            Sse.Prefetch0(bucket + (16 * FlowTable4.BucketBytes / sizeof(ulong)));
            for (int way = 0; way < FlowTable4.Ways; way++)
            {
                ulong* value = bucket + FlowTable4.Ways + way;
                if (bucket[way] != 0 && FlowValue.IsExpired(*value, state->NowMs))
                {
                    Remove4(state, value);
                    state->Block->Counters.FlowsExpired++;
                }
            }
        }

        state->SweepBucket4 = at;
        state->Block->Flows4 = state->Flows4.Count;
    }

    private static void Sweep6(EngineState* state, uint buckets)
    {
        uint mask = state->Flows6.BucketCount - 1, at = state->SweepBucket6;
        for (uint n = 0; n < buckets; n++, at = (at + 1) & mask)
        {
            FlowTable6.Entry* bucket = state->Flows6.Buckets + ((ulong)at * FlowTable6.Ways);
            Sse.Prefetch0(bucket + (8 * FlowTable6.Ways));
            for (int way = 0; way < FlowTable6.Ways; way++)
            {
                if (bucket[way].Rest != 0 && FlowValue.IsExpired(bucket[way].Value, state->NowMs))
                {
                    Remove6(state, bucket + way);
                    state->Block->Counters.FlowsExpired++;
                }
            }
        }

        state->SweepBucket6 = at;
        state->Block->Flows6 = state->Flows6.Count;
    }
}
