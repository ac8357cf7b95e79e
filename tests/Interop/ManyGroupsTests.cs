using System.Globalization;
using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>As many groups as a port can have of one family, on two directors.</summary>
public sealed class ManyGroupsTests(ITestOutputHelper output)
{
    private const int Groups = 255, IntervalMs = 1_000, Seconds = 6, VridOffset = 14 + 20 + 1;

    /// <summary>The lease of an active director ends a tenth of an interval before its peer takes over.</summary>
    private const double LateP99MaxMs = IntervalMs / 10.0;

    [Fact]
    public void With_255_groups_on_a_port_advertisements_are_on_time()
    {
        using DirectorHa ha = new();
        ha.Configure([.. Make(200)], [.. Make(100)]);
        using Capture adverts = new(ha.Lab.Switch, "p-dir", $"ether src {DirectorHa.FirstMac} and ip proto 112", ha.Lab.Folder);
        ha.First.Start();
        WaitForAll(ha.First, "active");
        ha.Second.Start();
        WaitForAll(ha.Second, "backup");
        Director[] directors = [ha.First, ha.Second];
        string[] who = [.. directors.SelectMany(d => (string[])[d.VrrpThread, $"/proc/{d.ControlPid}", $"/proc/{d.DataplanePid}"])];
        double[] cpuBefore = [.. who.Select(CpuSeconds)];
        using Jitter jitter = new();
        Thread.Sleep(Seconds * 1_000);
        IReadOnlyList<(long TimeUs, byte[] Frame)> frames = adverts.StopTimed();
        double[] cpuPercent = [.. who.Select((p, i) => 100 * (CpuSeconds(p) - cpuBefore[i]) / Seconds)];

        double[] lateMs = [.. frames.GroupBy(f => f.Frame[VridOffset]).SelectMany(LateMs).Order()];
        Assert.Equal(Groups, frames.Select(f => f.Frame[VridOffset]).Distinct().Count());
        Assert.InRange(lateMs.Length, Groups * (Seconds - 2), int.MaxValue);
        double p99Ms = lateMs[(int)Math.Ceiling(0.99 * lateMs.Length) - 1];
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{lateMs.Length} advertisements: late p50 {lateMs[lateMs.Length / 2]:0.00} ms, p99 {p99Ms:0.00} ms, most {lateMs[^1]:0.00} ms; jitter of the machine {jitter.WorstMs:0.0} ms"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"CPU in %: active: VRRP thread {cpuPercent[0]:0.0}, control {cpuPercent[1]:0.0} (just started: it still compiles itself), dataplane {cpuPercent[2]:0.0}; backup: {cpuPercent[3]:0.0}, {cpuPercent[4]:0.0}, {cpuPercent[5]:0.0}"));
        Assert.True(p99Ms <= LateP99MaxMs, $"p99 {p99Ms} ms late");
        Assert.True(frames.GroupBy(f => f.Frame[VridOffset]).All(g => g.Zip(g.Skip(1)).All(p => p.Second.TimeUs - p.First.TimeUs < 1_500 * IntervalMs)), "an advertisement is missing");
        Assert.All(ha.Second.Api.Get("v1/vrrp", ApiJson.Default.IReadOnlyListVrrpGroupView), g => Assert.Equal((0L, "backup"), (g.Counters["activeTransitions"], g.State)));
    }

    private static IEnumerable<string> Make(int priority) =>
        Enumerable.Range(1, Groups).Select(n => DirectorHa.Group($"g{n}", n, priority, $"172.16.60.{n}").Replace("\"intervalCs\": 10,", $"\"intervalCs\": {IntervalMs / 10},", StringComparison.Ordinal));

    private static void WaitForAll(Director director, string state) =>
        Wait.Until(() => DirectorHa.States(director).Count(s => s == state) == Groups, $"all are {state}", 20_000);

    /// <summary>Against the grid of the group's timer, which starts at its earliest advertisement.</summary>
    private static IEnumerable<double> LateMs(IEnumerable<(long TimeUs, byte[] Frame)> adverts)
    {
        double[] offsetsMs = [.. adverts.Select((a, n) => (a.TimeUs / 1_000.0) - (n * (double)IntervalMs))];
        return offsetsMs.Select(o => o - offsetsMs.Min());
    }

    /// <summary>User and system time of a process or thread (proc(5), fields 14 and 15, in ticks of 10 ms).</summary>
    private static double CpuSeconds(string proc)
    {
        string[] afterName = File.ReadAllText($"{proc}/stat").Split(") ")[^1].Split(' ');
        return afterName[11..13].Sum(t => long.Parse(t, CultureInfo.InvariantCulture)) / 100.0;
    }
}
