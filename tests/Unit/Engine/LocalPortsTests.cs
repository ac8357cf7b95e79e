using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Local ports' arithmetic; how flows get and lose them is in <see cref="FullNatTests"/> and <see cref="SnatTests"/>.</summary>
public unsafe class LocalPortsTests
{
    /// <summary>A port belongs to the worker that its remainder names, with any number of workers: it is reckoned without dividing.</summary>
    [Fact]
    public void WorkersHaveThePortsOfTheirRemainder()
    {
        FlowTable4 flows4 = default;
        FlowTable6 flows6 = default;
        for (int workers = 1; workers <= Limits.WorkersMax; workers++)
        {
            nuint bytes = (nuint)LocalPorts.MeasureBytes(1, workers, flows4, flows6);
            void* memory = NativeMemory.AlignedAlloc(bytes, 64);
            NativeMemory.Clear(memory, bytes);
            LocalPorts ports = LocalPorts.Create(memory, 1, workers - 1, workers, flows4, flows6);
            int wrong = 0;
            for (uint port = 0; port <= ushort.MaxValue; port++)
            {
                wrong += ports.WorkerOf(port) == port % (uint)workers ? 0 : 1;
            }

            Assert.Equal(0, wrong);
            NativeMemory.AlignedFree(memory);
        }
    }
}
