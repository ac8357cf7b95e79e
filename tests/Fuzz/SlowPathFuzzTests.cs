using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>What a worker hands over goes through the slow path twice: with zeros and with ones behind the frame. What is done may not depend on them.</summary>
public sealed class SlowPathFuzzTests
{
    private const int FrameBytesMax = 1536;
    private static readonly byte[][] s_portMacs = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

    [Fact]
    public void Each_frame_is_sent_dropped_or_given_to_the_host_once_and_nothing_behind_it_is_read()
    {
        using FuzzRun run = new("slow-path");
        using FrameBench bench = new();
        using SlowPathRig zeros = new(FuzzNetwork.Content), ones = new(FuzzNetwork.Content) { Behind = 0xFF };
        FrameMaker maker = new(run.Random, bench.Director);
        Dictionary<string, long> seen = [];
        while (run.GoesUntil(() => s_branches.All(seen.ContainsKey)))
        {
            bool owns = run.Random.Next(8) != 0;
            bench.Set(owns: true, [(uint)run.Random.Next(1, 8)], 256u * (uint)run.Random.Next(8));
            maker.Look();
            int port = run.Random.Next(FuzzNetwork.PortCount);
            HashSet<string> clients = [];
            byte[][] frames = [.. Enumerable.Range(0, run.Random.Next(1, 9)).Select(_ => maker.Next(FrameBytesMax)).Where(f => FrameBench.MayShareABurst(FrameRules.Read(f), clients))];
            run.Trying(frames.SelectMany(f => f).ToArray());
            zeros.Region.Leases[FuzzNetwork.Group] = ones.Region.Leases[FuzzNetwork.Group] = owns ? ulong.MaxValue : 0;
            zeros.HasHost = ones.HasHost = run.Random.Next(4) != 0;
            foreach (Fate fate in bench.Turn(port, frames).Fates.Where(f => f.Kind is "punt" or "refuse"))
            {
                string first = Give(zeros, fate), second = Give(ones, fate);
                run.Require(first == second, $"read behind the frame: {first} or {second}", fate.Frame);
                run.Require(zeros.Held == 0, "the packet is lost", fate.Frame);
                run.Require(zeros.Drops.Count + zeros.ToTheHost.Count <= 1, "the packet has two ends", fate.Frame);
                run.Require(!IsShortArp(fate) || zeros.Drops is [DropReason.NeighbourMessageBad], "an ARP message that is cut off is not dropped as such", fate.Frame);
                if (fate.Kind == "refuse")
                {
                    Refused(run, zeros, fate, seen);
                }
            }

            int ms = run.Random.Next(16) == 0 ? run.Random.Next(2_000) : 10; // at most 8 errors in 10 ms: the rate is not in the way
            Pass(zeros, ms);
            Pass(ones, ms);
        }

        Assert.Equal([], s_branches.Where(b => seen.GetValueOrDefault(b) == 0));
    }

    /// <summary>28 bytes (RFC 826), on an interface of the network.</summary>
    private static bool IsShortArp(Fate fate)
    {
        int l3 = fate.Frame.Length >= 18 && fate.Frame[12] == 0x81 && fate.Frame[13] == 0 ? 18 : 14;
        return fate.Frame.Length >= l3 && fate.Frame.Length < l3 + 28 && fate.Frame[l3 - 2] == 8 && fate.Frame[l3 - 1] == 6 && OwnOf(fate) != null;
    }

    private static byte[]? OwnOf(Fate fate)
    {
        int vlan = fate.Frame[12] == 0x81 && fate.Frame[13] == 0 ? ((fate.Frame[14] << 8) | fate.Frame[15]) & 0xFFF : 0;
        return (fate.Port, vlan) switch { (0, 0) => [172, 16, 58, 2], (0, 100) => [10, 1, 0, 2], (1, 0) => [192, 0, 2, 1], _ => null };
    }

    private static readonly string[] s_branches = ["TooBig told", "TooBig not told", "TtlExpired told", "TtlExpired not told", "NoServer told", "NoServer not told", "NoService told", "NoService not told"];

    private static void Refused(FuzzRun run, SlowPathRig rig, Fate fate, Dictionary<string, long> seen)
    {
        byte[]? expected = RefusalRules.Expected(fate.Frame, fate.Reason, fate.Tag, OwnOf(fate), s_portMacs[fate.Port]);
        run.Require(rig.Drops is [var reason] && reason == fate.Reason && rig.ToTheHost.Count == 0, $"refused for {fate.Reason}, but {string.Join(' ', rig.Drops)}", fate.Frame);
        run.Require(rig.Sent.Count == (expected == null ? 0 : 1), $"{rig.Sent.Count} errors about {fate.Reason}", fate.Frame);
        run.Require(expected == null || (rig.Sent[0].Port == fate.Port && rig.Sent[0].Frame.AsSpan().SequenceEqual(expected)), expected == null ? "" : $"told {Convert.ToHexString(rig.Sent[0].Frame)} where {Convert.ToHexString(expected)} is right", fate.Frame);
        string branch = $"{fate.Reason} {(expected == null ? "not told" : "told")}";
        seen[branch] = seen.GetValueOrDefault(branch) + 1;
    }

    internal static string Give(SlowPathRig rig, Fate fate)
    {
        Forget(rig);
        if (fate.Kind == "punt")
        {
            rig.Punt(fate.Frame, fate.Port);
        }
        else
        {
            rig.Refuse(fate.Frame, fate.Reason, (int)fate.Tag, fate.Port);
        }

        string learned = string.Join(' ', Enumerable.Range(1, FuzzNetwork.Content.NextHops.Count - 1).Select(slot => $"{rig.Region.Neighbours[slot]:x}"));
        return string.Join(' ', [learned, .. rig.Sent.Select(s => $"sent {s.Port} {Convert.ToHexString(s.Frame)}"), .. rig.ToTheHost.Select(Convert.ToHexString), .. rig.Drops.Select(d => d.ToString())]);
    }

    private static void Pass(SlowPathRig rig, int ms)
    {
        rig.Pass(ms);
        Forget(rig);
    }

    internal static void Forget(SlowPathRig rig)
    {
        rig.Sent.Clear();
        rig.ToTheHost.Clear();
        rig.Drops.Clear();
    }
}
