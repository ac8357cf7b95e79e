using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>Whether all workers and housekeeping turn: each shows it many times in a millisecond.</summary>
internal sealed class WorkerHeartbeats
{
    /// <summary>A thread that shows no sign of life for so long is stuck. A machine that is short of CPUs may well stop one for some 100 ms.</summary>
    private const int StuckMs = 1_000;

    private readonly (ulong Beat, long SinceMs)[] _last = new (ulong, long)[Limits.WorkersMax + 1];

    public bool IsAnyStuck(Region region)
    {
        int housekeeping = region.Layout.WorkerCount;
        bool stuck = IsStuck(housekeeping, Volatile.Read(ref region.Process.HeartbeatNs));
        for (int worker = 0; worker < housekeeping; worker++)
        {
            stuck |= IsStuck(worker, Volatile.Read(ref region.Worker(worker).Heartbeat));
        }

        return stuck;
    }

    private bool IsStuck(int thread, ulong beat)
    {
        long nowMs = Environment.TickCount64;
        if (beat != _last[thread].Beat || _last[thread].SinceMs == 0)
        {
            _last[thread] = (beat, nowMs);
        }

        return nowMs - _last[thread].SinceMs > StuckMs;
    }
}
