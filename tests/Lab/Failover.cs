using System.Diagnostics;

namespace Forwarder.Lab;

/// <summary>Crashes the active one of two directors (both its programs, SIGKILL) under HTTP load in direct routing, again and again.</summary>
public sealed class Failover(int intervalMs, bool isIPv6 = false) : IDisposable
{
    /// <summary>What may be out at 10 ms advertisements on a quiet machine.</summary>
    public const double FastOutageMaxMs = 60;

    private const int FastIntervalMs = 10, SlackMs = 100, AnswersBefore = 200, AfterMs = 500;
    private readonly DirectorPair _pair = new(intervalMs, isIPv6);

    /// <summary>What may be out on a quiet machine: Master_Down_Interval and 100 ms, at 10 ms advertisements less.</summary>
    public double OutageMaxMs => intervalMs == FastIntervalMs ? FastOutageMaxMs : DirectorPair.MasterDownAfter(intervalMs) + SlackMs;

    /// <summary>Runs it, prints each run and the percentiles; the exit code is 1 if a run was out for longer than it may, its jitter added.</summary>
    public static int Report(int runs, int intervalMs, bool isIPv6)
    {
        using Failover failover = new(intervalMs, isIPv6);
        List<FailoverRun> all = [];
        for (int i = 1; i <= runs; i++)
        {
            FailoverRun run = failover.Run();
            all.Add(run);
            Console.WriteLine($"run {i}: outage {run.OutageMs:0.0} ms, undisturbed {run.UndisturbedMs:0.0} ms, jitter {run.JitterMs:0.0} ms");
        }

        Print("outage", all.Select(r => r.OutageMs));
        Print("undisturbed", all.Select(r => r.UndisturbedMs));
        Print("jitter", all.Select(r => r.JitterMs));
        int above = all.Count(r => r.OutageMs > failover.OutageMaxMs), beyond = all.Count(r => r.OutageMs > failover.OutageMaxMs + r.JitterMs);
        Console.WriteLine($"failover: {runs} runs at {intervalMs} ms over {(isIPv6 ? "IPv6" : "IPv4")}, {above} above {failover.OutageMaxMs:0} ms, {beyond} above it and their own jitter");
        return beyond == 0 ? 0 : 1;
    }

    /// <summary>One crash. Both directors run before it; the first is started again after the last one.</summary>
    public FailoverRun Run()
    {
        Prepare();
        using HttpProbes probes = new(_pair.Lab.Client, _pair.Vip);
        Wait.Until(() => probes.Answers > AnswersBefore, "the load runs");
        int windowMs = (int)OutageMaxMs + AfterMs;
        long before = Stopwatch.GetTimestamp();
        Thread.Sleep(windowMs);
        using Jitter jitter = new();
        long crash = Stopwatch.GetTimestamp();
        _pair.First.Crash();
        DirectorPair.WaitFor(_pair.Second, "active");
        Thread.Sleep(windowMs);
        double outageMs = probes.LongestGapMs(crash, Stopwatch.GetTimestamp());
        return new FailoverRun(outageMs, probes.LongestGapMs(before, crash), jitter.WorstMs, outageMs > OutageMaxMs ? Seen(probes, crash) : null);
    }

    private string Seen(HttpProbes probes, long crash) => $"""
        answers at {string.Join(' ', probes.TimesMs(crash).Take(20).Select(t => $"{t:0}"))} ms after the crash, {probes.Answers} in all
        {_pair.Lab.Client.Ip("neigh show")}
        {_pair.Second.Fwdctl($"vrrp show {DirectorPair.Group}").Output}
        {_pair.Second.Fwdctl("stats").Output}
        {_pair.Second.Fwdctl("neighbours").Output}
        """;

    /// <inheritdoc/>
    public void Dispose() => _pair.Dispose();

    private void Prepare()
    {
        if (!_pair.Second.HasStarted)
        {
            _pair.Start();
            return;
        }

        _pair.First.Start();
        DirectorPair.WaitFor(_pair.First, "active");
        DirectorPair.WaitFor(_pair.Second, "backup");
    }

    private static void Print(string name, IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        double At(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
        Console.WriteLine($"{name,-12} p50 {At(0.5):0.0} ms, p99 {At(0.99):0.0} ms, most {sorted[^1]:0.0} ms");
    }
}
