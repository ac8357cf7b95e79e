using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>A number of flows and the order in which their packets come.</summary>
public sealed record BenchCase(int Flows, string Order)
{
    /// <summary>Flows that tables are made for: never fewer than a small director has.</summary>
    public int TableFlows => Math.Max(Flows, 65_536);

    /// <summary>DPDK's memory in MiB: what the dataplane asks for.</summary>
    public int MemoryMiB => MbufPlan.MemoryMiB(MeasuredProgram.Mbufs, 2_176, 1, TableFlows) + 64;
}
