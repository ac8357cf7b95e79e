using Forwarder.Vrrp;

namespace Forwarder.Sim.Tests;

/// <summary>A run of one seed: trouble, then quiet, then what must hold.</summary>
internal sealed class SimRun
{
    private const ulong RunSalt = 0xD1CE;

    private readonly SimScenario _scenario;
    private readonly SimRandom _random;
    private readonly long _unitNs;

    public SimRun(ulong seed, Action<string>? trace = null)
    {
        _scenario = SimScenario.From(seed);
        _random = new SimRandom(seed ^ (RunSalt << 32));
        _unitNs = _scenario.IntervalMaxNs;
        World = new SimWorld(_scenario, seed ^ RunSalt) { Trace = trace };
    }

    public SimWorld World { get; }

    public SimScenario Scenario => _scenario;

    public void Execute()
    {
        StartAll();
        CauseTrouble();
        MakeQuiet();
        World.RunUntil(World.NowNs + (25 * _unitNs));
        CheckOneActive();
        CheckNothingMoves();
    }

    private void StartAll()
    {
        foreach (SimRouter router in World.Routers)
        {
            World.After(_random.Between(0, 3 * _unitNs), () => World.Start(router));
        }

        World.RunUntil(World.NowNs + (4 * _unitNs));
    }

    private void CauseTrouble()
    {
        for (int i = 0; i < _scenario.FaultCount; i++)
        {
            World.RunUntil(World.NowNs + _random.Between(0, 6 * _unitNs));
            if (_scenario.Partitions && _random.Percent(50))
            {
                CutOrJoin();
            }
            else
            {
                Inflict(_scenario.Faults[_random.Below(_scenario.Faults.Count)], World.Routers[_random.Below(World.Routers.Count)]);
            }

            World.RunUntil(World.NowNs); // whatever is due this very moment
        }

        World.RunUntil(World.NowNs + _random.Between(0, 8 * _unitNs));
    }

    private void CutOrJoin()
    {
        SimWire wire = World.Wires[_random.Below(World.Wires.Count)];
        if (wire.IsCut)
        {
            wire.Join();
        }
        else
        {
            wire.Cut();
        }
    }

    private void Inflict(SimFault fault, SimRouter router)
    {
        if (fault == SimFault.Restart)
        {
            if (!router.IsUp || router.IsShutDown)
            {
                World.Start(router);
            }

            return;
        }

        if (!router.IsRunning || router.IsShutDown)
        {
            return;
        }

        long durationNs = _random.Between(1, 6 * _unitNs);
        switch (fault)
        {
            case SimFault.Crash:
                World.Act(router, () => router.Crash(World.NowNs), "crashes");
                break;
            case SimFault.KillControl:
                World.Act(router, () => router.Kill(World.NowNs), "control killed");
                break;
            case SimFault.Pause:
                World.Act(router, () => router.Pause(World.NowNs), $"control stopped for {durationNs}");
                World.After(durationNs, () => ResumeIfPaused(router));
                break;
            case SimFault.Shutdown:
                World.Act(router, () => router.Shutdown(World.NowNs), "shuts down");
                break;
            case SimFault.Priority:
                Tell(router, VrrpEvent.PriorityChanged((byte)_random.Between(1, 254)));
                break;
            case SimFault.Fault:
                Tell(router, VrrpEvent.FaultRaised(VrrpFaults.Link));
                World.After(durationNs, () => ClearIfUp(router));
                break;
            case SimFault.ForceBackup:
                Tell(router, VrrpEvent.ForceBackup(durationNs));
                break;
            default:
                Tell(router, VrrpEvent.Handover(durationNs));
                break;
        }
    }

    private void Tell(SimRouter router, VrrpEvent happened) =>
        World.Act(router, () => router.HandleAll(happened, World.NowNs), $"{happened.Kind} {happened.Priority}");

    private void ResumeIfPaused(SimRouter router)
    {
        if (router.IsPaused)
        {
            World.Resume(router);
        }
    }

    private void ClearIfUp(SimRouter router)
    {
        if (router.IsRunning)
        {
            Tell(router, VrrpEvent.FaultCleared(VrrpFaults.Link));
        }
    }

    /// <summary>Wires are whole, nobody is stopped any more; who is dead stays dead, but one router lives.</summary>
    private void MakeQuiet()
    {
        foreach (SimWire wire in World.Wires)
        {
            wire.Heal();
        }

        foreach (SimRouter router in World.Routers)
        {
            ResumeIfPaused(router);
            ClearIfUp(router);
        }

        if (!World.Routers.Any(router => router.IsCandidate))
        {
            World.Start(World.Routers[_random.Below(World.Routers.Count)]);
        }

        foreach (SimMonitor monitor in World.Monitors)
        {
            // Rivals have heard each other after one interval, and the leases of the dead are over after three.
            monitor.StrictFromNs = Math.Min(monitor.StrictFromNs, World.NowNs + (3 * _unitNs) + _scenario.OverlapMaxNs);
        }
    }

    private void CheckOneActive()
    {
        for (int wire = 0; wire < _scenario.Wires; wire++)
        {
            int active = World.ActiveCount(wire);
            int owners = World.OwnerCount(wire);
            if (active != 1 || owners != 1)
            {
                throw new SimFailure(_scenario, $"{active} active and {owners} owners on wire {wire} after the quiet time");
            }
        }

        SimRouter winner = World.Routers.Single(router => router.IsRunning && router.On(0).State == VrrpState.Active);
        byte best = World.Routers.Where(router => router.IsCandidate).Max(router => router.On(0).Priority);
        if (_scenario.AllPreempt && winner.On(0).Priority != best)
        {
            throw new SimFailure(_scenario, $"router {winner.Index} of priority {winner.On(0).Priority} is active, but one of {best} is there");
        }

        if (_scenario.Routers[0].Count > 1 && winner.On(1).State != VrrpState.Active)
        {
            throw new SimFailure(_scenario, "the sync group is torn apart");
        }
    }

    private void CheckNothingMoves()
    {
        long before = World.Transitions;
        World.RunUntil(World.NowNs + (20 * _unitNs));
        if (World.Transitions != before)
        {
            throw new SimFailure(_scenario, $"{World.Transitions - before} transitions in a quiet time");
        }
    }
}
