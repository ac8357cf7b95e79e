using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Frames one after another to a director that has just started; the cases of corpus/frames.txt, one for each branch.</summary>
public sealed record FrameCase(string Name, IReadOnlyList<CaseFrame> Frames)
{
    /// <summary>All cases of the file.</summary>
    public static IReadOnlyList<FrameCase> All { get; } =
    [
        .. File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "corpus", "frames.txt")).Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
            .Select(c => c.Split('\n', StringSplitOptions.RemoveEmptyEntries)).Where(c => c[^1][0] != '#')
            .Select(c => new FrameCase(c[0][2..], [.. c[1..].Select(CaseFrame.Parse)])),
    ];

    /// <summary>Runs the case. Returns what became of each frame; <see cref="FrameBench"/>'s objections end the test.</summary>
    public IReadOnlyList<string> Run()
    {
        using FrameBench bench = new();
        using SlowPathRig slow = new(FuzzNetwork.Content);
        List<string> fates = [];
        foreach (CaseFrame frame in Frames)
        {
            bool has(string condition) => frame.Conditions.Contains(condition);
            bench.Set(!has("not-owned"), has("unknown") ? Enumerable.Range(1, FuzzNetwork.Content.NextHops.Count).Select(n => (uint)n) : []);
            (bench.Rig.ChecksumBad, bench.Rig.InSegments) = (_ => has("checksum-bad"), _ => has("segments"));
            (bench.Rig.TxRoom, bench.Rig.RingRoom) = (has("tx-full") ? 0 : int.MaxValue, has("ring-full") ? 0 : WorkerRig.RingEntries);
            (Fate[] found, _, string? objection, _) = bench.Turn(frame.Port, [frame.Frame]);
            Assert.True(objection == null, $"{Name}: {objection}");
            slow.Region.Leases[FuzzNetwork.Group] = has("not-owned") ? 0 : ulong.MaxValue;
            slow.HasHost = !has("no-host");
            fates.Add(NameOf(found[0], bench.Flows[0]) + (found[0].Kind is "punt" or "refuse" && found[0].Lost == DropReason.None ? $">{HandOn(slow, found[0])}" : ""));
        }

        return fates;
    }

    /// <summary>Name of a worker's fate in a case.</summary>
    public static string NameOf(Fate fate, FlowReading? flow) =>
        fate.Lost != DropReason.None ? fate.Lost.ToString() : fate.Kind == "forward" ? $"forward-{flow!.Server.Method}" : fate.Name;

    private static string HandOn(SlowPathRig slow, Fate fate)
    {
        SlowPathFuzzTests.Give(slow, fate);
        string[] ends = [.. slow.Sent.Select(_ => "sent"), .. slow.ToTheHost.Select(_ => "host"), .. slow.Drops.Where(d => fate.Kind == "punt" || d != fate.Reason).Select(d => d.ToString())];
        return ends.Length == 0 ? "nothing" : string.Join('+', ends);
    }
}
