namespace Forwarder.Control;

/// <summary>
/// Notices that the loop's thread did not run when it should have (SIGSTOP, a collection, a starved CPU, more packets than it could
/// read): what waits then may be old, up to the time since all that waited was read.
/// </summary>
/// <param name="nowNs">When it starts.</param>
public sealed class VrrpStall(long nowNs)
{
    private long _drainedNs = nowNs;

    /// <summary>Later than this beyond what was asked for is a stall.</summary>
    public required long ToleranceNs { get; set; }

    /// <summary>How old a packet may be that is read now, after a wait of so long was asked for; 0 = it has just come.</summary>
    public long AgeNs(long nowNs, long waitNs)
    {
        long sinceNs = nowNs - _drainedNs;
        return sinceNs > waitNs + ToleranceNs ? sinceNs : 0;
    }

    /// <summary>All that had come in by then was read.</summary>
    public void Drained(long nowNs) => _drainedNs = nowNs;
}
