using System.Runtime.InteropServices;
using Forwarder.Dataplane;

namespace Forwarder.Unit.Tests.Engine;

public sealed class PacketRingTests : IDisposable
{
    private const int Capacity = 64;
    private readonly nint _memory;
    private readonly PacketRing _ring;

    public unsafe PacketRingTests()
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)PacketRing.MeasureBytes(Capacity), 64);
        NativeMemory.Clear(memory, (nuint)PacketRing.MeasureBytes(Capacity));
        _ring = PacketRing.Create(memory, Capacity);
        _memory = (nint)memory;
    }

    public unsafe void Dispose() => NativeMemory.AlignedFree((void*)_memory);

    [Fact]
    public void AFullRingRefuses()
    {
        for (ulong i = 0; i < Capacity; i++)
        {
            Assert.True(_ring.TryPush(i, 1, 2));
        }

        Assert.False(_ring.TryPush(99, 1, 2));
        Assert.True(_ring.TryPop(out PacketRing.Entry entry));
        Assert.Equal(0UL, entry.Packet);
        Assert.True(_ring.TryPush(99, 1, 2));
    }

    [Fact]
    public async Task TwoThreadsLoseNothingAndKeepTheOrder()
    {
        const ulong count = 300_000;
        PacketRing ring = _ring;
        Task producer = Task.Run(() =>
        {
            for (ulong i = 0; i < count;)
            {
                if (ring.TryPush(i, (uint)i, (uint)i * 2))
                {
                    i++;
                }
                else
                {
                    Thread.Yield();
                }
            }
        });
        ulong wrong = 0;
        for (ulong next = 0; next < count;)
        {
            if (ring.TryPop(out PacketRing.Entry entry))
            {
                wrong += entry.Packet == next && entry.Tag == (uint)next && entry.Port == (uint)next * 2 ? 0u : 1u;
                next++;
            }
            else
            {
                Thread.Yield();
            }
        }

        await producer;
        Assert.Equal(0UL, wrong);
    }
}
