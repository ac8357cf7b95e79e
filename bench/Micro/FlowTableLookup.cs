using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using Forwarder.Engine;

namespace Forwarder.Micro;

/// <summary>The IPv4 flow table alone, without prefetch: flows in random order, ns per operation.</summary>
public unsafe class FlowTableLookup
{
    private const int Operations = 4_096, Service = 1;
    private const uint Salt = 0x1234_5678, NowMs = 1;

    private readonly uint[] _order = new uint[Operations];
    private void* _memory;
    private FlowTable4 _table;

    /// <summary>Flows in the table.</summary>
    [Params(1_024, 65_536, 1_048_576)]
    public int Flows { get; set; }

    /// <summary>Makes and fills the table.</summary>
    [GlobalSetup]
    public void Setup()
    {
        nuint bytes = (nuint)FlowTable4.MeasureBytes(Flows);
        _memory = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(_memory, bytes);
        _table = FlowTable4.Create(_memory, Flows);
        for (uint flow = 0; flow < Flows; flow++)
        {
            Put(flow);
        }

        Random random = new(1);
        for (int i = 0; i < Operations; i++)
        {
            _order[i] = (uint)random.Next(Flows);
        }
    }

    /// <summary>Frees the table.</summary>
    [GlobalCleanup]
    public void Cleanup() => NativeMemory.AlignedFree(_memory);

    /// <summary>Looks for flows that are there.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public int Hit() => Find(0);

    /// <summary>Looks for flows that are not there: both buckets.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public int Miss() => Find(0x8000_0000);

    /// <summary>Puts new flows in and takes them out again.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public int InsertAndRemove()
    {
        int placed = 0;
        foreach (uint flow in _order)
        {
            ulong key = Key(flow | 0x8000_0000);
            ulong* value = _table.Insert(FlowTable4.Hash(Salt, key), key, NowMs, out _);
            if (value != null)
            {
                placed++;
                _table.Remove(value);
            }
        }

        return placed;
    }

    private int Find(uint mark)
    {
        int found = 0;
        foreach (uint flow in _order)
        {
            ulong key = Key(flow | mark);
            found += _table.Find(FlowTable4.Hash(Salt, key), key) != null ? 1 : 0;
        }

        return found;
    }

    private void Put(uint flow)
    {
        ulong key = Key(flow);
        ulong* value = _table.Insert(FlowTable4.Hash(Salt, key), key, NowMs, out _);
        if (value != null)
        {
            *value = FlowValue.Pack(1, 1, Abi.FlowState.Udp, 1_000_000);
        }
    }

    private static ulong Key(uint flow) => FlowTable4.Key(flow, (ushort)(flow * 7), Service);
}
