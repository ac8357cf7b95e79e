using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>How busy the busiest worker was: the share of its turns that found packets, over a while.</summary>
internal sealed class WorkerLoad
{
    /// <summary>Window unless another one is asked for.</summary>
    public const int WindowDefaultMs = 10_000;

    private const int SampleEveryMs = 500;

    private readonly List<(long AtMs, (ulong Turns, ulong Idle)[] Workers)> _samples = [];

    /// <summary>Takes a sample if one is due; keeps those of the longest window that is asked for.</summary>
    public void Sample(Region region, long nowMs, int windowMs)
    {
        if (_samples.Count > 0 && nowMs - _samples[^1].AtMs < SampleEveryMs)
        {
            return;
        }

        (ulong, ulong)[] workers = new (ulong, ulong)[region.Layout.WorkerCount];
        for (int i = 0; i < workers.Length; i++)
        {
            ref WorkerCounters counters = ref region.Worker(i).Counters;
            workers[i] = (Volatile.Read(ref counters.Turns), Volatile.Read(ref counters.IdleTurns));
        }

        if (_samples.Count > 0 && (_samples[^1].Workers.Length != workers.Length || _samples[^1].Workers[0].Turns > workers[0].Item1))
        {
            _samples.Clear(); // another dataplane
        }

        _samples.Add((nowMs, workers));
        _samples.RemoveAll(s => nowMs - s.AtMs > windowMs + SampleEveryMs);
    }

    /// <summary>In %, over the window up to the newest sample; 0 until there are two.</summary>
    public double BusiestPercent(int windowMs)
    {
        if (_samples.Count < 2)
        {
            return 0;
        }

        (long atMs, (ulong Turns, ulong Idle)[] now) = _samples[^1];
        (ulong Turns, ulong Idle)[] then = _samples.First(s => atMs - s.AtMs <= windowMs).Workers;
        double busiest = 0;
        for (int i = 0; i < now.Length; i++)
        {
            ulong turns = now[i].Turns - then[i].Turns, idle = now[i].Idle - then[i].Idle;
            busiest = Math.Max(busiest, turns == 0 ? 0 : 100.0 * (turns - Math.Min(idle, turns)) / turns);
        }

        return busiest;
    }
}
