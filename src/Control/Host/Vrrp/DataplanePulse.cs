using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>
/// Whether what was written to the exception ports has left: housekeeping has emptied them since, and the worker that sends for
/// housekeeping has turned after that. A dataplane that hangs takes advertisements, but no peer hears them.
/// </summary>
public sealed class DataplanePulse
{
    /// <summary>A worker shows a sign of life at the start of a turn and sends at its end.</summary>
    private const ulong SignsOfLife = 2;

    private const int SendingWorker = 0;

    private Region? _region;
    private long _askedNs, _sentBeforeNs;
    private bool _isEmptied;
    private ulong _beat;

    /// <summary>All that was written before this moment has left.</summary>
    /// <param name="region">Of the dataplane that runs.</param>
    /// <param name="nowNs">CLOCK_MONOTONIC.</param>
    public long SentBeforeNs(Region region, long nowNs)
    {
        ArgumentNullException.ThrowIfNull(region);
        if (!ReferenceEquals(region, _region))
        {
            _region = region;
            Ask(nowNs);
        }

        if (!_isEmptied && Volatile.Read(ref region.Process.HeartbeatNs) > (ulong)_askedNs)
        {
            (_isEmptied, _beat) = (true, Beat(region));
        }
        else if (_isEmptied && Beat(region) - _beat >= SignsOfLife)
        {
            _sentBeforeNs = _askedNs;
            Ask(nowNs);
        }

        return _sentBeforeNs;
    }

    private static ulong Beat(Region region) => Volatile.Read(ref region.Worker(SendingWorker).Heartbeat);

    private void Ask(long nowNs) => (_askedNs, _isEmptied) = (nowNs, false);
}
