using System.Text.Json;

namespace Forwarder.Bench;

/// <summary>What the generator measured in one run of a program.</summary>
public sealed record RunResult(double TscHz, long Verified, long Wrong, string Digest, int ServersSeen, IReadOnlyList<Slice> Slices)
{
    /// <summary>CPU time / wall time at least; the generator's own cycles at most, as a multiple of what is normal under this program and over all programs.</summary>
    private const double ShareMin = 0.97, OwnMaxOfProgram = 1.2, OwnMaxOfAll = 1.25;

    /// <summary>A run with fewer good slices than this part of them is not used.</summary>
    private const double GoodMin = 0.02;

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
            root.GetProperty("serversSeen").GetInt32(),
            [.. root.GetProperty("slices").EnumerateArray().Select(s => new Slice(s[0].GetDouble(), s[1].GetDouble(), s[2].GetDouble()))]);
    }

    /// <summary>The generator's cycles in an undisturbed slice: the lower quartile.</summary>
    public double OwnNormal => Slices.Select(s => s.OwnCycles).Order().ElementAt(Slices.Count / 4);

    /// <summary>The generator's own cycles per packet that a good slice may have.</summary>
    public static double OwnLimit(double normalOfProgram, double normalOfAll) => Math.Min(OwnMaxOfProgram * normalOfProgram, OwnMaxOfAll * normalOfAll);

    /// <summary>Slices in which the thread had the CPU and the generator was as fast as it is.</summary>
    public IReadOnlyList<Slice> Good(double ownLimit) => [.. Slices.Where(s => s.CpuShare >= ShareMin && s.OwnCycles <= ownLimit)];

    /// <summary>Median cycles per packet of the good slices, or null if they are too few.</summary>
    public double? Cycles(double ownLimit)
    {
        IReadOnlyList<Slice> good = Good(ownLimit);
        return good.Count < Math.Max(20, GoodMin * Slices.Count) ? null : Statistics.Median(good.Select(s => s.Cycles));
    }
}
