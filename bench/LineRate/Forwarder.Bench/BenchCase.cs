using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>A method, a number of flows, and the order in which their packets come.</summary>
public sealed record BenchCase(BenchMethod Method, int Flows, string Order)
{
    /// <summary>The order in which each packet is of a new flow.</summary>
    public const string NewOrder = "new";

    /// <summary>Flows that one source address of FullNAT is reckoned for; it has 64,512 ports, and flows spread by their hash.</summary>
    private const int FlowsPerSource = 60_000;

    /// <summary>Packets that new flows fall short by at most: the last slice does not count, and some are under way.</summary>
    private const int UnsentMax = 3 * 16_384;

    /// <summary>Flows that tables are made for: never fewer than a small director has.</summary>
    public int TableFlows => Math.Max(Flows, 65_536);

    /// <summary>Whether each packet is of a new flow.</summary>
    public bool IsNew => Order == NewOrder;

    /// <summary>1, or 2 where servers' answers come this way. New flows are clients' packets alone.</summary>
    public int Ways => Method.IsTwoWay && !IsNew ? 2 : 1;

    /// <summary>Source addresses of FullNAT; plan.h has the same.</summary>
    public int Sources => Method.Forwarding == ForwardingMethod.FullNat ? (TableFlows / FlowsPerSource) + 2 : 0;

    /// <summary>Source addresses that the dataplane has room for.</summary>
    public int SourcesRoom => Math.Max(Sources, Limits.SourcesDefault);

    /// <summary>DPDK's memory in MiB: what the dataplane asks for.</summary>
    public int MemoryMiB => MbufPlan.MemoryMiB(MeasuredProgram.Mbufs, 2_176, 1, TableFlows, SourcesRoom) + 64;

    /// <summary>Part of the flows for which there must be room: with as many as are promised, 2.6 % of these find both of their buckets full.</summary>
    private const double RoomMin = 0.97;

    /// <summary>Flows that the table must have taken in; not those that Zipf's law never draws.</summary>
    public long FlowsCreatedMin => Order == "zipf" ? 1 : (long)((IsNew ? Flows - UnsentMax : Flows) * RoomMin);

    /// <summary>Programs that can do it: testpmd is compared with direct routing.</summary>
    public IReadOnlyList<MeasuredProgram> Of(IReadOnlyList<MeasuredProgram> programs) =>
        Method.Name == "dr" && !IsNew ? programs : [.. programs.Where(p => p.IsDirector)];

    /// <inheritdoc/>
    public override string ToString() => $"{Method.Title}{(Ways == 2 ? ", both directions" : "")}, {Flows:N0} flows, {Order} order";
}
