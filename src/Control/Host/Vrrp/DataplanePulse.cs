using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>
/// Whether something that was written to an exception port has left: housekeeping has emptied them since, and the worker that sends for
/// housekeeping has turned after that. A dataplane that hangs takes advertisements, but no peer hears them. Each has a pulse of its own: on
/// a busy host one leaves later than the next is written.
/// </summary>
/// <param name="region">Of the dataplane that it was written to; never of a later one, which knows nothing of it.</param>
/// <param name="writtenNs">When it was written, CLOCK_MONOTONIC.</param>
public sealed class DataplanePulse(Region region, long writtenNs)
{
    /// <summary>A worker shows a sign of life at the start of a turn and sends at its end.</summary>
    private const ulong SignsOfLife = 2;

    private const int SendingWorker = 0;

    private bool _isEmptied;
    private ulong _beat;

    /// <summary>It has left.</summary>
    public bool HasLeft { get; private set; }

    /// <summary>Looks once more.</summary>
    public void Look()
    {
        if (_isEmptied)
        {
            HasLeft |= Beat - _beat >= SignsOfLife;
        }
        else if (Volatile.Read(ref region.Process.HeartbeatNs) > (ulong)writtenNs)
        {
            (_isEmptied, _beat) = (true, Beat);
        }
    }

    private ulong Beat => Volatile.Read(ref region.Worker(SendingWorker).Heartbeat);
}
