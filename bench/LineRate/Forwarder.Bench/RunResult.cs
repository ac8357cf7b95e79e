using System.Text.Json;

namespace Forwarder.Bench;

/// <summary>What the generator measured in one run of a program.</summary>
public sealed record RunResult(double TscHz, long Verified, long Wrong, string Digest, long FlowsCreated, double ReplyShare, IReadOnlyList<Slice> Slices)
{
    /// <summary>CPU time / wall time at least; the generator's own cycles at most, as a multiple of what is normal under this program and over all programs of its kind (directors read and write more, and crowd the generator out of caches).</summary>
    private const double ShareMin = 0.97, OwnMaxOfProgram = 1.2, OwnMaxOfAll = 1.25;

    /// <summary>A run with fewer good slices than this part of them is not used.</summary>
    private const double GoodMin = 0.02;

    /// <summary>Slices at either end of a run over new flows: half a million flows.</summary>
    private const int EndSlices = 32;

    /// <summary>Reads the generator's file.</summary>
    public static RunResult Read(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        JsonElement root = document.RootElement;
        return new RunResult(
            root.GetProperty("tscHz").GetDouble(),
            root.GetProperty("verified").GetInt64(),
            root.GetProperty("wrong").GetInt64(),
            root.GetProperty("digest").GetString()!,
            root.GetProperty("flowsCreated").GetInt64(),
            root.GetProperty("replies").GetDouble() / (root.GetProperty("requests").GetDouble() + root.GetProperty("replies").GetDouble()),
            [.. root.GetProperty("slices").EnumerateArray().Select(s => new Slice(s[0].GetDouble(), s[1].GetDouble(), s[2].GetDouble()))]);
    }

    /// <summary>The generator's cycles in an undisturbed slice: the lower quartile.</summary>
    public double OwnNormal => Slices.Select(s => s.OwnCycles).Order().ElementAt(Slices.Count / 4);

    /// <summary>The generator's own cycles per packet that a good slice may have.</summary>
    public static double OwnLimit(double normalOfProgram, double normalOfAll) => Math.Min(OwnMaxOfProgram * normalOfProgram, OwnMaxOfAll * normalOfAll);

    /// <summary>Slices in which the thread had the CPU and the generator was as fast as it is.</summary>
    public IReadOnlyList<Slice> Good(double ownLimit) => [.. Slices.Where(s => IsGood(s, ownLimit))];

    /// <summary>Median cycles per packet of the good ones of the first slices and of the last: with an empty table and with a full one.</summary>
    public (double? First, double? Last) Ends(double ownLimit)
    {
        int part = Math.Min(EndSlices, Slices.Count / 4);
        return (Middle(Slices.Take(part)), Middle(Slices.TakeLast(part)));
        double? Middle(IEnumerable<Slice> slices)
        {
            List<double> good = [.. slices.Where(s => IsGood(s, ownLimit)).Select(s => s.Cycles)];
            return good.Count == 0 ? null : Statistics.Median(good);
        }
    }

    /// <summary>Median cycles per packet of the good slices, or null if they are too few.</summary>
    public double? Cycles(double ownLimit)
    {
        IReadOnlyList<Slice> good = Good(ownLimit);
        return good.Count < Math.Max(20, GoodMin * Slices.Count) ? null : Statistics.Median(good.Select(s => s.Cycles));
    }

    private static bool IsGood(Slice slice, double ownLimit) => slice.CpuShare >= ShareMin && slice.OwnCycles <= ownLimit;
}
