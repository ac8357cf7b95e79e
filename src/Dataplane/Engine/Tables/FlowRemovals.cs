using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Takes flows out of the worker's tables that control has marked in its answer (<see cref="FlowQueryBlock"/>), a few each time,
/// and says when it is done. The worker does it itself, as nobody else writes to its tables.
/// </summary>
public static unsafe class FlowRemovals
{
    /// <summary>Entries of the answer looked at in one call at the most: bounds the pause.</summary>
    public const uint EntriesPerCallMax = 64;

    /// <summary>Goes on with what there is to do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run(EngineState* state, FlowQueryBlock* query)
    {
        ulong sequence = Volatile.Read(ref query->RemovalSequence);
        if (sequence != state->Block->RemovalsDone)
        {
            GoOn(state, query, sequence);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void GoOn(EngineState* state, FlowQueryBlock* query, ulong sequence)
    {
        if (state->RemovalSequence != sequence)
        {
            (state->RemovalSequence, state->RemovalAt) = (sequence, 0); // the one before was given up half-way
        }

        uint count = Math.Min(query->Count, (uint)Limits.FlowQueryEntriesMax), end = Math.Min(state->RemovalAt + EntriesPerCallMax, count);
        FlowRecord* records = (FlowRecord*)Unsafe.AsPointer(ref query->Entries);
        for (uint at = state->RemovalAt; at < end; at++)
        {
            if (records[at].Removal != FlowRemoval.None && records[at].Worker == state->WorkerIndex && TryRemove(state, records[at]))
            {
                state->Block->Counters.FlowsRemoved++;
            }
        }

        state->RemovalAt = end;
        if (end == count)
        {
            state->Block->Flows4 = state->Flows4.Count;
            state->Block->Flows6 = state->Flows6.Count;
            Volatile.Write(ref state->Block->RemovalsDone, sequence);
        }
    }

    private static bool TryRemove(EngineState* state, FlowRecord record)
    {
        if (SnatFlows.Is(record.Service))
        {
            return TryRemoveSnat(state, record);
        }

        if (record.Service >= (uint)state->View.ServiceCount)
        {
            return false;
        }

        uint salt = state->View.Services[record.Service].HashSalt;
        if (record.IpVersion == 4)
        {
            ulong key = FlowTable4.Key((uint)record.ClientHigh, record.ClientPort, record.Service);
            ulong* value = state->Flows4.Find(FlowTable4.Hash(salt, key), key);
            if (value == null || !IsMeant(*value, record))
            {
                return false;
            }

            FlowSweep.Remove4(state, value);
            return true;
        }

        FlowTable6.Entry* entry = state->Flows6.Find(FlowTable6.Hash(salt, record.ClientHigh, record.ClientLow, record.ClientPort), record.ClientHigh, record.ClientLow, FlowTable6.Rest(record.ClientPort, record.Service));
        if (entry == null || !IsMeant(entry->Value, record))
        {
            return false;
        }

        FlowSweep.Remove6(state, entry);
        return true;
    }

    private static bool TryRemoveSnat(EngineState* state, in FlowRecord record)
    {
        SnatTuple t = new()
        {
            Client = new SnatAddress { High = record.ClientHigh, Low = record.ClientLow }, Destination = new SnatAddress { High = record.DestinationHigh, Low = record.DestinationLow },
            ClientPort = record.ClientPort, DestinationPort = record.DestinationPort, Protocol = record.Protocol, IpVersion = record.IpVersion,
        };
        FlowTable6.Entry* entry = SnatFlows.Find(state, t, SnatFlows.Hash(t));
        if (entry == null || !IsMeant(entry->Value, record))
        {
            return false;
        }

        FlowSweep.Remove6(state, entry);
        return true;
    }

    private static bool IsMeant(ulong value, in FlowRecord record) =>
        FlowValue.Server(value) == record.Server && FlowValue.Incarnation(value) == record.Incarnation
        && (record.Removal == FlowRemoval.AnyState || FlowValue.State(value) == (uint)record.State);
}
