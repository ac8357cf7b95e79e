using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>Whether all workers turn: each counts its heartbeat many times in a millisecond.</summary>
internal sealed class WorkerHeartbeats
{
    /// <summary>A worker that shows no sign of life for so long is stuck. A machine that is short of CPUs may well stop one for some 100 ms.</summary>
    private const int StuckMs = 1_000;

    private readonly (ulong Beat, long SinceMs)[] _last = new (ulong, long)[Limits.WorkersMax];

    public bool IsAnyStuck(Region region)
    {
        bool stuck = false;
        long nowMs = Environment.TickCount64;
        for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
        {
            ulong beat = Volatile.Read(ref region.Worker(worker).Heartbeat);
            if (beat != _last[worker].Beat || _last[worker].SinceMs == 0)
            {
                _last[worker] = (beat, nowMs);
            }

            stuck |= nowMs - _last[worker].SinceMs > StuckMs;
        }

        return stuck;
    }
}
