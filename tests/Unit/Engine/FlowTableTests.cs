using System.Runtime.InteropServices;
using CsCheck;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class FlowTableTests
{
    [Fact]
    public void AFlowCosts32BytesAndIpv6Costs64()
    {
        Assert.Equal(32, FlowTable4.MeasureBytes(1 << 20) >> 20);
        Assert.Equal(64, FlowTable6.MeasureBytes(1 << 20) >> 20);
    }

    [Fact]
    public void ThePromisedFlowsFit()
    {
        const int flows = 1 << 16;
        void* memory = NativeMemory.AlignedAlloc((nuint)FlowTable4.MeasureBytes(flows), 64);
        NativeMemory.Clear(memory, (nuint)FlowTable4.MeasureBytes(flows));
        FlowTable4 table = FlowTable4.Create(memory, flows);
        int refused = 0;
        for (uint i = 0; i < flows; i++)
        {
            ulong key = FlowTable4.Key(0x0A000000 + (i % 251), (ushort)(i / 251), 1);
            ulong* value = table.Insert(FlowTable4.Hash(7, key), key, 0, out _);
            refused += value == null ? 1 : 0;
            if (value != null)
            {
                *value = FlowValue.Pack(1, 0, FlowState.Established, 1000);
            }
        }

        NativeMemory.AlignedFree(memory);
        Assert.Equal(0, refused);
    }

    /// <summary>The table against a dictionary, over random inserts, look-ups and removals; keys differ in every part.</summary>
    [Fact]
    public void BehavesAsADictionary()
    {
        const int flows = 512;
        Gen<(int Op, uint Address, ushort Port, uint Service)> step = Gen.Select(Gen.Int[0, 2], Gen.UInt[0, 9], Gen.UShort[0, 9], Gen.UInt[1, 3]);
        step.List[0, 400].Sample(steps =>
        {
            void* memory = NativeMemory.AlignedAlloc((nuint)FlowTable4.MeasureBytes(flows), 64);
            NativeMemory.Clear(memory, (nuint)FlowTable4.MeasureBytes(flows));
            FlowTable4 table = FlowTable4.Create(memory, flows);
            Dictionary<ulong, ulong> model = [];
            bool same = true;
            ulong next = 1;
            foreach ((int op, uint address, ushort port, uint service) in steps)
            {
                ulong key = FlowTable4.Key(address, port, service);
                uint hash = FlowTable4.Hash(service, key);
                ulong* found = table.Find(hash, key);
                same &= (found != null) == model.TryGetValue(key, out ulong expected) && (found == null || *found == expected);
                if (op == 0 && found == null)
                {
                    ulong* value = table.Insert(hash, key, 0, out ulong displaced);
                    same &= displaced == 0;
                    if (value == null)
                    {
                        same &= FlowTable4.Match(table.First(hash), 0) == 0 && FlowTable4.Match(table.Second(hash), 0) == 0; // no room, and only then
                        continue;
                    }

                    *value = FlowValue.Pack((uint)(next & FlowValue.ServerMask), 3, FlowState.Udp, 5000);
                    model[key] = *value;
                    next++;
                }
                else if (op == 1 && found != null)
                {
                    table.Remove(found);
                    model.Remove(key);
                }

                same &= table.Count == model.Count;
            }

            NativeMemory.AlignedFree(memory);
            return same;
        }, iter: 300);
    }

    [Fact]
    public void AnExpiredFlowMakesRoomAndIsReported()
    {
        const int flows = 4;
        void* memory = NativeMemory.AlignedAlloc((nuint)FlowTable4.MeasureBytes(flows), 64);
        NativeMemory.Clear(memory, (nuint)FlowTable4.MeasureBytes(flows));
        FlowTable4 table = FlowTable4.Create(memory, flows);
        uint inserted = 0;
        for (uint i = 1; i < 1000; i++)
        {
            ulong key = FlowTable4.Key(i, 1, 1);
            ulong* value = table.Insert(FlowTable4.Hash(1, key), key, 100, out _);
            if (value != null)
            {
                *value = FlowValue.Pack(9, 0, FlowState.Udp, 200);
                inserted++;
            }
        }

        Assert.Equal(table.BucketCount * FlowTable4.Ways, inserted);
        ulong fresh = FlowTable4.Key(5000, 1, 1);
        Assert.True(table.Insert(FlowTable4.Hash(1, fresh), fresh, 200, out _) == null);
        Assert.True(table.Insert(FlowTable4.Hash(1, fresh), fresh, 201, out ulong displaced) != null);
        Assert.Equal(9u, FlowValue.Server(displaced));
        Assert.Equal(inserted, table.Count);
        NativeMemory.AlignedFree(memory);
    }

    [Fact]
    public void DeadlinesAreComparedAcrossTheWrapOfTheClock()
    {
        ulong value = FlowValue.Pack(1, 0, FlowState.Udp, 256);
        Assert.False(FlowValue.IsExpired(value, uint.MaxValue - 5));
        Assert.Equal(262u, FlowValue.RemainingMs(value, uint.MaxValue - 5));
        Assert.Equal(262u, FlowValue.RemainingMs(FlowValue.WithLastHop(value, FlowValue.LastHopMask), uint.MaxValue - 5));
        Assert.True(FlowValue.IsExpired(value, 257));
    }
}
