using System.Diagnostics;
using System.Globalization;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// How long a target runs, and from which seed: FUZZ_SECONDS of the CPU time of all targets that run side by side (default 5; ten times as long by the clock at most) and FUZZ_SEED (default 1). What is
/// tried next is written to a file first, so that it is there even if the process dies of it.
/// </summary>
public sealed class FuzzRun : IDisposable
{
    private static readonly double s_seconds = double.Parse(Environment.GetEnvironmentVariable("FUZZ_SECONDS") ?? "5", CultureInfo.InvariantCulture);
    private static readonly int s_seed = int.Parse(Environment.GetEnvironmentVariable("FUZZ_SEED") ?? "1", CultureInfo.InvariantCulture);

    private const int WallClockFactor = 10, LongerFactor = 6;

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TimeSpan _cpuBefore = Environment.CpuUsage.TotalTime;
    private readonly string _target;
    private readonly FileStream _last;

    /// <summary>A run of a target.</summary>
    public FuzzRun(string target)
    {
        _target = target;
        _last = new FileStream(Path.Combine(AppContext.BaseDirectory, $"last-{target}.hex"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        Random = new Random(s_seed);
    }

    /// <summary>The source of all that is random.</summary>
    public Random Random { get; }

    /// <summary>Inputs tried.</summary>
    public long Count { get; private set; }

    /// <summary>Whether there is time for another input.</summary>
    public bool Goes => Within(s_seconds);

    /// <summary>As <see cref="Goes"/>; a run that has not been everywhere yet goes on for up to six times as long, since machines differ.</summary>
    public bool GoesUntil(Func<bool> wasEverywhere) => Goes || (Within(LongerFactor * s_seconds) && !wasEverywhere());

    /// <summary>Notes the input that is tried now.</summary>
    public void Trying(ReadOnlySpan<byte> input)
    {
        Count++;
        _last.Position = 0;
        _last.Write(System.Text.Encoding.ASCII.GetBytes(Convert.ToHexString(input)));
        _last.SetLength(_last.Position);
    }

    private bool Within(double seconds) => (Environment.CpuUsage.TotalTime - _cpuBefore).TotalSeconds < seconds && _clock.Elapsed.TotalSeconds < WallClockFactor * seconds;

    /// <summary>Fails with all that is needed to see it again.</summary>
    public void Require(bool holds, string rule, ReadOnlySpan<byte> input)
    {
        if (!holds)
        {
            Assert.Fail($"{_target}: {rule}. FUZZ_SEED={s_seed}, input {Count}: {Convert.ToHexString(input)}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _last.Dispose();
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, $"last-{_target}.txt"), $"{_target}: seed {s_seed}, {Count} inputs in {_clock.Elapsed.TotalSeconds:0} s\n");
    }
}
