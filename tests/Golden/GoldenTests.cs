using Forwarder.Abi;

namespace Forwarder.Golden.Tests;

/// <summary>Packets in, packets expected. GOLDEN_ACTUAL=DIR writes what was found beside what was expected, for a look.</summary>
public sealed class GoldenTests
{
    /// <summary>Reasons that no single frame can cause in the stages: where they are tested instead.</summary>
    private static readonly Dictionary<DropReason, string> s_elsewhere = new()
    {
        [DropReason.None] = "no reason",
        [DropReason.NeighbourUnresolved] = "tests/Unit/SlowPaths, tests/Process: needs a host that does not answer",
        [DropReason.NeighbourTimeout] = "tests/Unit/SlowPaths, tests/Process: needs time",
        [DropReason.NeighbourQueueFull] = "tests/Unit/SlowPaths: needs many packets",
        [DropReason.TxFull] = "the device's", [DropReason.PuntRingFull] = "the rings'", [DropReason.InjectRingFull] = "the rings'", [DropReason.HandOverRingFull] = "the rings'",
        [DropReason.ExceptionPortFull] = "the kernel's", [DropReason.NoMbuf] = "the pool's", [DropReason.MultiSegment] = "the device's",
        [DropReason.NoLocalPort] = "tests/Unit/Engine/FullNatTests: needs 64,512 flows", [DropReason.FlowTableFull] = "tests/Unit/Engine/NatTests: needs a full table", [DropReason.LastHopsFull] = "tests/Unit/Engine/NatTests: needs many routers",
        [DropReason.VipNotOwned] = "tests/Unit/SlowPaths: needs a lease that has run out", [DropReason.VipAcceptsNone] = "tests/Unit/SlowPaths: needs a lease",
        [DropReason.NoSnapshot] = "tests/Process: before the first snapshot",
    };

    public static TheoryData<string> Names => [.. GoldenCase.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Packets_become_what_is_expected(string name)
    {
        List<string> actual = Run(name);
        if (Environment.GetEnvironmentVariable("GOLDEN_ACTUAL") is { Length: > 0 } folder)
        {
            File.WriteAllLines(Path.Combine(folder, $"{name}.txt"), actual);
        }

        Assert.Equal(string.Join('\n', GoldenCase.Lines(name, "expected.txt")), string.Join('\n', actual));
    }

    [Fact]
    public void Every_drop_reason_has_a_case()
    {
        HashSet<string> covered = [.. GoldenCase.Names.SelectMany(n => GoldenCase.Lines(n, "expected.txt")).Where(l => l.StartsWith("drop ", StringComparison.Ordinal)).Select(l => l[5..])];
        Assert.Equal([], Enum.GetValues<DropReason>().Where(r => !covered.Contains(r.ToString()) && !s_elsewhere.ContainsKey(r)));
    }

    private static List<string> Run(string name)
    {
        using Director director = new();
        List<string> actual = [];
        bool resolved = !name.Contains("unresolved", StringComparison.Ordinal);
        director.Configure(File.ReadAllText(Path.Combine(GoldenCase.Folder, name, "config.json")), resolved);
        foreach (string line in GoldenCase.Lines(name, "in.txt"))
        {
            if (line.StartsWith("config ", StringComparison.Ordinal))
            {
                director.Configure(File.ReadAllText(Path.Combine(GoldenCase.Folder, name, line[7..])), resolved);
                continue;
            }

            if (line.Split(' ') is [("own" or "disown"), string group])
            {
                director.SetOwned(group, line.StartsWith("own ", StringComparison.Ordinal));
                continue;
            }

            (int port, byte[] frame, bool checksumBad) = GoldenCase.Frame(line);
            List<string> became = [.. director.Take(port, frame, checksumBad)];
            actual.AddRange(became.Count == 0 ? ["nothing"] : became);
        }

        return actual;
    }
}
