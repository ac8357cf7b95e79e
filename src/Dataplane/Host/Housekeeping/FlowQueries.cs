using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Dataplane;

/// <summary>Answers control's questions about flows, reading beside the running workers: each key and value is one word.</summary>
public sealed unsafe class FlowQueries(Region region, WorkerContext*[] workers)
{
    /// <summary>Buckets read for one answer: bounds the time that ARP has to wait.</summary>
    private const uint BucketsMax = 1 << 18;

    // Cursor: bits 0-31 bucket, 32 family (1 = IPv6), 33-40 worker, and bit 41 so that only the end is 0.
    private const ulong Going = 1UL << 41;

    /// <summary>Answers a pending question, if there is one.</summary>
    public void Poll(uint nowMs)
    {
        ref FlowQueryBlock block = ref region.FlowQuery;
        ulong sequence = Volatile.Read(ref block.RequestSequence);
        if (sequence == block.ResponseSequence)
        {
            return;
        }

        block.Count = 0;
        block.NextCursor = Fill(ref block, block.Cursor, nowMs);
        Volatile.Write(ref block.ResponseSequence, sequence);
    }

    private ulong Fill(ref FlowQueryBlock block, ulong cursor, uint nowMs)
    {
        uint bucket = (uint)cursor, left = BucketsMax;
        int family = (int)(cursor >> 32) & 1, worker = (int)(cursor >> 33) & 0xFF;
        for (; worker < workers.Length; worker++, family = 0)
        {
            for (; family < 2; family++, bucket = 0)
            {
                uint count = family == 0 ? workers[worker]->Engine.Flows4.BucketCount : workers[worker]->Engine.Flows6.BucketCount;
                for (; bucket < count; bucket++)
                {
                    if (left-- == 0 || block.Count + FlowTable4.Ways > Limits.FlowQueryEntriesMax)
                    {
                        return Going | ((ulong)worker << 33) | ((ulong)family << 32) | bucket;
                    }

                    if (family == 0)
                    {
                        Read4(ref block, worker, bucket, nowMs);
                    }
                    else
                    {
                        Read6(ref block, worker, bucket, nowMs);
                    }
                }
            }
        }

        return 0;
    }

    private void Read4(ref FlowQueryBlock block, int worker, uint number, uint nowMs)
    {
        ulong* bucket = workers[worker]->Engine.Flows4.Buckets + ((ulong)number * (FlowTable4.BucketBytes / sizeof(ulong)));
        for (int way = 0; way < FlowTable4.Ways; way++)
        {
            ulong key = Volatile.Read(ref bucket[way]), value = Volatile.Read(ref bucket[FlowTable4.Ways + way]);
            if (key != 0)
            {
                Add(ref block, new FlowRecord { ClientHigh = (uint)key, ClientPort = (ushort)(key >> 32), Service = (ushort)(key >> 48), IpVersion = 4, Worker = (byte)worker }, value, nowMs);
            }
        }
    }

    private void Read6(ref FlowQueryBlock block, int worker, uint number, uint nowMs)
    {
        FlowTable6.Entry* bucket = workers[worker]->Engine.Flows6.Buckets + ((ulong)number * FlowTable6.Ways);
        for (int way = 0; way < FlowTable6.Ways; way++)
        {
            FlowTable6.Entry entry = bucket[way];
            if (SnatFlows.Is((uint)(entry.Rest >> 48)))
            {
                Add(ref block, SnatFlows.Describe(&workers[worker]->Engine, bucket + way, entry) with { Worker = (byte)worker }, entry.Value, nowMs);
            }
            else if (entry.Rest != 0)
            {
                Add(ref block, new FlowRecord { ClientHigh = entry.High, ClientLow = entry.Low, ClientPort = (ushort)(entry.Rest >> 32), Service = (ushort)(entry.Rest >> 48), IpVersion = 6, Worker = (byte)worker }, entry.Value, nowMs);
            }
        }
    }

    private static void Add(ref FlowQueryBlock block, FlowRecord record, ulong value, uint nowMs)
    {
        if (FlowValue.State(value) != 0)
        {
            record.Server = FlowValue.Server(value);
            record.Incarnation = FlowValue.Incarnation(value);
            record.State = (FlowState)FlowValue.State(value);
            record.RemainingMs = FlowValue.RemainingMs(value, nowMs);
            block.Entries[(int)block.Count++] = record;
        }
    }
}
