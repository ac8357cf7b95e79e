using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Changed frames through a worker: what leaves it, and its counters, against a second director.</summary>
public sealed class FrameFuzzTests
{
    [Fact]
    public void Each_frame_becomes_what_the_rules_say_and_is_accounted_for()
    {
        Assert.All(FrameCase.All, c => Assert.Equal(c.Frames.Select(f => f.Fate), c.Run()));
        using FuzzRun run = new("frames");
        using CaseCollector collector = new();
        using FrameBench bench = new();
        FrameMaker maker = new(run.Random, bench.Director);
        Dictionary<string, long> seen = [];
        while (run.GoesUntil(() => Missing(seen).Length == 0))
        {
            Stir(run.Random, bench);
            maker.Look();
            byte[][] frames = Burst(run.Random, maker);
            run.Trying(frames.SelectMany(f => f).ToArray());
            int port = run.Random.Next(FuzzNetwork.PortCount);
            (Fate[] fates, Reading[] readings, string? objection, int at) = bench.Turn(port, frames);
            run.Require(objection == null, objection ?? "", at < 0 ? [] : frames[at]);
            for (int i = 0; i < frames.Length; i++)
            {
                bool isTold = fates[i].Kind == "refuse" && fates[i].Reason is DropReason.NoServer or DropReason.NoService or DropReason.ServiceFull or DropReason.ServersFull;
                string branch = $"{fates[i].Name}{(isTold ? " told" : "")}{(readings[i].IsToVirtualMac ? " virtual" : "")} {(readings[i].Kind == FrameKind.Settled ? "" : readings[i].Kind)}".TrimEnd();
                seen[branch] = seen.GetValueOrDefault(branch) + 1;
                collector.Offer(readings[i], port, frames[i], fates[i], bench.Flows[i], Conditions(bench, fates[i], i));
                seen[fates[i].Lost.ToString()] = seen.GetValueOrDefault(fates[i].Lost.ToString()) + 1;
            }
        }

        // The run must have been everywhere, or it says little.
        Assert.Equal([], Missing(seen));
    }

    private static string[] Missing(Dictionary<string, long> seen) => [.. s_branches.Where(b => seen.GetValueOrDefault(b) == 0)];

    /// <summary>As in <see cref="CaseFrame"/>.</summary>
    private static IEnumerable<string> Conditions(FrameBench bench, Fate fate, int i) =>
    [
        .. bench.Director.Owns ? (string[])[] : ["not-owned"], .. fate.Kind == "wait" ? (string[])["unknown"] : [], .. bench.Rig.ChecksumBad(i) ? (string[])["checksum-bad"] : [],
        .. bench.Rig.InSegments(i) ? (string[])["segments"] : [], .. fate.Lost == DropReason.TxFull ? (string[])["tx-full"] : [], .. fate.Kind != "forward" && fate.Lost != DropReason.None ? (string[])["ring-full"] : [],
    ];

    private static readonly string[] s_branches =
    [
        "punt", nameof(DropReason.Truncated), nameof(DropReason.IpVersionBad), nameof(DropReason.Ipv4HeaderLengthBad), nameof(DropReason.IpLengthBad), nameof(DropReason.Ipv4ChecksumBad),
        nameof(DropReason.Fragment), nameof(DropReason.L4HeaderBad), "NoService told", nameof(DropReason.NotOurMac), nameof(DropReason.ProtocolUnsupported),
        nameof(DropReason.Ipv6ExtensionBad), nameof(DropReason.MultiSegment), nameof(DropReason.TxFull), nameof(DropReason.PuntRingFull), nameof(DropReason.NeighbourUnresolved),
        "forward Request", "forward Reply", "forward ErrorToServer", "forward ErrorToClient", "wait Request", "wait ErrorToServer", "punt Reply", "punt ErrorToServer", "punt ErrorToClient",
        "TooBig Request", "TooBig Reply", "TooBig ErrorToServer", "TtlExpired Request", "TtlExpired Reply", "TtlExpired ErrorToServer", "TtlExpired ErrorToClient", "NoServer Request", "NoServer told Request", "ServiceFull told Request", "ServersFull told Request", "NoService told Reply", "NoService told virtual",
        nameof(DropReason.VipNotOwned), "VipNotOwned Request", "VipNotOwned Reply", "VipNotOwned ErrorToServer", "VipNotOwned ErrorToClient", "IcmpBad ErrorToServer", "IcmpBad ErrorToClient",
        nameof(DropReason.FragmentBad), nameof(DropReason.FragmentTiny), "FragmentOverlap LaterFragment", "FragmentOverlap Request", "FragmentScattered LaterFragment", "FragmentUnknown LaterFragment", "FragmentSctp Request", "FragmentSctp Reply",
        "forward LaterFragment", "wait LaterFragment", "punt LaterFragment", "VipNotOwned LaterFragment", "TtlExpired LaterFragment",
        "punt virtual", "NotOurMac virtual", "VipNotOwned virtual", "VipNotOwned virtual Request", "forward virtual Request", "forward virtual Reply", "NotOurMac virtual Reply",
    ];

    /// <summary>Time, leases, neighbours, and how much room there is.</summary>
    private static void Stir(Random random, FrameBench bench)
    {
        uint[] unknown = random.Next(4) == 0 ? [.. Enumerable.Range(0, 3).Select(_ => (uint)random.Next(1, FuzzNetwork.Content.NextHops.Count))] : [];
        bench.Set(random.Next(16) != 0, unknown, random.Next(64) == 0 ? 256u * (uint)random.Next(2_000) : 256u * (uint)random.Next(8));
        bench.Rig.TxRoom = random.Next(16) == 0 ? random.Next(4) : int.MaxValue;
        bench.Rig.RingRoom = random.Next(32) switch { 0 or 1 => random.Next(4), 2 => (WorkerRig.RingEntries / 2) + random.Next(4), _ => WorkerRig.RingEntries };
        uint bad = random.Next(4) == 0 ? (uint)random.Next() & (uint)random.Next() & (uint)random.Next() : 0, split = random.Next(8) == 0 ? (uint)random.Next() & (uint)random.Next() & (uint)random.Next() : 0;
        bench.Rig.ChecksumBad = i => ((bad >> i) & 1) != 0;
        bench.Rig.InSegments = i => ((split >> i) & 1) != 0;
    }

    private static byte[][] Burst(Random random, FrameMaker maker)
    {
        HashSet<string> clients = [];
        List<byte[]> frames = [];
        for (int n = random.Next(1, Limits.BurstMax + 1); n > 0; n--)
        {
            byte[] frame = maker.Next(FrameBench.FrameBytesMax);
            if (FrameBench.MayShareABurst(FrameRules.Read(frame), clients))
            {
                frames.Add(frame);
            }
        }

        return [.. frames];
    }
}
