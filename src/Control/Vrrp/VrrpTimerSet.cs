namespace Forwarder.Vrrp;

/// <summary>When each timer of an instance is due.</summary>
internal sealed class VrrpTimerSet
{
    public const int Count = (int)VrrpTimer.AnnounceRefresh + 1;

    private readonly long[] _dueNs = new long[Count];

    public VrrpTimerSet()
    {
        Array.Fill(_dueNs, VrrpTimers.Never);
    }

    public long NextDueNs { get; private set; } = VrrpTimers.Never;

    public long DueNs(VrrpTimer timer) => _dueNs[(int)timer];

    public bool IsRunning(VrrpTimer timer) => _dueNs[(int)timer] != VrrpTimers.Never;

    public void Stop(VrrpTimer timer) => Set(timer, VrrpTimers.Never);

    public void Set(VrrpTimer timer, long dueNs)
    {
        _dueNs[(int)timer] = dueNs;
        NextDueNs = Min(_dueNs);
    }

    private static long Min(ReadOnlySpan<long> values)
    {
        long least = VrrpTimers.Never;
        foreach (long value in values)
        {
            least = Math.Min(least, value);
        }

        return least;
    }
}
