using Forwarder.Vrrp;

namespace Forwarder.Sim.Tests;

/// <summary>Watches who owns the address of a wire, after every event.</summary>
internal sealed class SimMonitor(SimScenario scenario, IReadOnlyList<SimRouter> routers, int wire)
{
    private long _overlapSinceNs = VrrpTimers.Never;

    /// <summary>Two owners are an error from this time on.</summary>
    public long StrictFromNs { get; set; } = scenario.IsExclusive ? 0 : VrrpTimers.Never;

    public long OverlapLongestNs { get; private set; }

    public void Look(long nowNs)
    {
        int owners = 0;
        foreach (SimRouter router in routers)
        {
            owners += router.Owns(wire, nowNs) ? 1 : 0;
        }

        if (owners < 2 || nowNs < StrictFromNs)
        {
            _overlapSinceNs = VrrpTimers.Never;
            return;
        }

        _overlapSinceNs = Math.Min(_overlapSinceNs, nowNs);
        long overlapNs = nowNs - _overlapSinceNs;
        if (overlapNs > scenario.OverlapMaxNs && !IsExcused(nowNs))
        {
            throw new SimFailure(scenario, $"{owners} routers own the address of wire {wire} for {overlapNs} ns at {nowNs} ns");
        }

        OverlapLongestNs = Math.Max(OverlapLongestNs, overlapNs);
    }

    /// <summary>
    /// What the protocol cannot prevent: control stopped in the very moment in which it should have heard the rival, in
    /// the midst of a planned handover, or under an address owner, who does not listen before it starts (RFC 9568
    /// section 6.4.1).
    /// </summary>
    private bool IsExcused(long nowNs)
    {
        foreach (SimRouter router in routers)
        {
            bool stoppedThen = !router.IsRunning && router.StoppedAtNs >= _overlapSinceNs - scenario.OverlapMaxNs;
            bool handingOver = !router.IsRunning && router.On(wire).IsHandingOver;
            bool owner = router.Configs[wire].IsOwner && router.On(wire).Reason == VrrpReason.AddressOwner;
            if (router.Owns(wire, nowNs) && (stoppedThen || handingOver || owner))
            {
                return true;
            }
        }

        return false;
    }
}
