using Forwarder.Vrrp;

namespace Forwarder.Sim.Tests;

/// <summary>What a seed stands for: routers, wires and how badly they are treated.</summary>
internal sealed record SimScenario
{
    public required ulong Seed { get; init; }

    /// <summary>One list for each router, with one configuration for each member of its sync group (one member: no group).</summary>
    public required IReadOnlyList<IReadOnlyList<VrrpConfig>> Routers { get; init; }

    public required double LossPercent { get; init; }

    public required double DuplicatePercent { get; init; }

    public required double CorruptPercent { get; init; }

    public required long DelayMinNs { get; init; }

    public required long DelayMaxNs { get; init; }

    /// <summary>How late a timer or a packet is handled at most.</summary>
    public required long JitterNs { get; init; }

    /// <summary>Wires may be cut into parts.</summary>
    public required bool Partitions { get; init; }

    /// <summary>What can go wrong with routers.</summary>
    public required IReadOnlyList<SimFault> Faults { get; init; }

    /// <summary>Faults injected before the quiet time.</summary>
    public required int FaultCount { get; init; }

    /// <summary>A stopped router does not know when a packet came in, only that it was after the stop: a host whose clock was set.</summary>
    public required bool AgesAreBounds { get; init; }

    public int Wires => Routers[0].Count;

    public long IntervalMaxNs => Routers.Max(router => router[0].IntervalNs);

    /// <summary>
    /// Nothing is lost or cut, and all have the same interval: then two owners are an error at any time. With different
    /// intervals a router that starts cannot know for how long the lease of one that was killed before goes on.
    /// </summary>
    public bool IsExclusive => LossPercent == 0
        && CorruptPercent == 0
        && !Partitions
        && Routers.All(router => router[0].IntervalCs == Routers[0][0].IntervalCs);

    public bool AllPreempt => Routers.All(router => router[0].Preempt);

    /// <summary>For how long two may own at once: until the loser has heard the winner and acted on it.</summary>
    public long OverlapMaxNs => (2 * DelayMaxNs) + (2 * JitterNs) + 1;

    public static SimScenario From(ulong seed)
    {
        var random = new SimRandom(seed);
        bool honest = random.Percent(40);
        IReadOnlyList<IReadOnlyList<VrrpConfig>> routers = MakeRouters(random);
        long intervalNs = routers.Min(router => router[0].IntervalNs);
        long delayMinNs = random.Between(10_000, 50_000);
        return new SimScenario
        {
            Seed = seed,
            Routers = routers,
            LossPercent = honest ? 0 : random.Pick(0, 1, 10, 40),
            DuplicatePercent = random.Pick(0, 5, 30),
            CorruptPercent = honest ? 0 : random.Pick(0, 0, 5),
            DelayMinNs = delayMinNs,
            DelayMaxNs = delayMinNs + random.Between(0, intervalNs / (honest ? 20 : 4)),
            JitterNs = random.Between(0, intervalNs / 50),
            Partitions = !honest && random.Percent(60),
            Faults = MakeFaults(random),
            FaultCount = random.Below(12),
            AgesAreBounds = random.Percent(25),
        };
    }

    private static List<SimFault> MakeFaults(SimRandom random)
    {
        SimFault[] all = Enum.GetValues<SimFault>();
        return [.. all.Where(_ => random.Percent(60)).DefaultIfEmpty(SimFault.Crash)];
    }

    private static List<IReadOnlyList<VrrpConfig>> MakeRouters(SimRandom random)
    {
        int members = random.Percent(25) ? 2 : 1;
        bool isIPv6 = random.Percent(30);
        bool isV2 = !isIPv6 && random.Percent(30);
        bool mixedIntervals = !isV2 && random.Percent(15);
        int intervalCs = isV2 ? random.Pick(100, 300) : mixedIntervals ? 100 : random.Pick(1, 10, 100, 4095);
        bool equalPriorities = random.Percent(20);
        var common = new VrrpConfig
        {
            Version = isV2 ? VrrpVersion.V2 : VrrpVersion.V3,
            IntervalCs = intervalCs,
            Preempt = random.Percent(70),
            PreemptDelayMs = random.Percent(20) ? intervalCs * 10 * random.Pick(1, 5, 10) : 0,
            StartDelayMs = random.Percent(20) ? intervalCs * 10 * random.Pick(1, 5) : 0,
            AuthType = isV2 ? VrrpAuthType.SimpleText : VrrpAuthType.None,
            AuthData = isV2 ? "cisco"u8.ToArray() : default,
            ChecksumForm = random.Pick(VrrpChecksumForm.PseudoHeader, VrrpChecksumForm.MessageOnly),
            AlsoVersion2 = !isV2 && !isIPv6 && intervalCs >= 100 && random.Percent(10), // version 2 counts in seconds
        };
        bool mixedPreempt = random.Percent(10);
        bool withOwner = random.Percent(10);
        var routers = new List<IReadOnlyList<VrrpConfig>>();
        int count = random.Below(4) + 2;
        for (int i = 0; i < count; i++)
        {
            VrrpConfig router = common with
            {
                Priority = (byte)(withOwner && i == 0 ? 255 : equalPriorities ? 100 : random.Between(1, 254)),
                Preempt = mixedPreempt ? random.Percent(50) : common.Preempt,
                IntervalCs = mixedIntervals && i > 0 ? random.Pick(1, 10, 100) : intervalCs,
            };
            routers.Add([.. Enumerable.Range(0, members).Select(wire => OnWire(router, isIPv6, wire, i))]);
        }

        return routers;
    }

    private static VrrpConfig OnWire(VrrpConfig router, bool isIPv6, int wire, int index) => router with
    {
        Vrid = (byte)(10 + wire),
        PrimaryAddress = VrrpAddress.Parse(isIPv6 ? $"fe80::{wire}:{index + 10:x}" : $"10.0.{wire}.{index + 10}"),
        Addresses = [VrrpAddress.Parse(isIPv6 ? $"fe80::{wire}:1" : $"10.0.{wire}.1")],
    };
}
