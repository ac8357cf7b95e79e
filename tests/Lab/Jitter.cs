using System.Diagnostics;

namespace Forwarder.Lab;

/// <summary>How late the machine wakes a thread that sleeps for a millisecond.</summary>
public sealed class Jitter : IDisposable
{
    /// <summary>What a machine's jitter may excuse at the most, ms.</summary>
    public const double ExcusedMaxMs = 300;

    private const int PeriodMs = 1;
    private readonly Thread _thread;
    private double _worstMs;
    private volatile bool _stop;

    /// <summary>Starts to measure.</summary>
    public Jitter()
    {
        _thread = new Thread(Work) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>The latest so far, ms.</summary>
    public double WorstMs => Volatile.Read(ref _worstMs);

    /// <summary>What it excuses in a bound of time, ms.</summary>
    public double ExcusedMs => Math.Min(WorstMs, ExcusedMaxMs);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }

    private void Work()
    {
        while (!_stop)
        {
            long start = Stopwatch.GetTimestamp();
            Thread.Sleep(PeriodMs);
            double lateMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds - PeriodMs;
            Volatile.Write(ref _worstMs, Math.Max(_worstMs, lateMs));
        }
    }
}
