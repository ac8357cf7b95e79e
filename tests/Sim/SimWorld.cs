using Forwarder.Vrrp;

namespace Forwarder.Sim.Tests;

/// <summary>
/// Routers, wires and a clock that jumps from event to event. One thread, one source of chance: the same seed is the same
/// run.
/// </summary>
internal sealed class SimWorld
{
    private readonly SimScenario _scenario;
    private readonly SimRandom _random;
    private readonly SimWire[] _wires;
    private readonly SimMonitor[] _monitors;
    private readonly PriorityQueue<Action, (long AtNs, long Order)> _queue = new();
    private readonly byte[] _packet = new byte[2048];
    private long _order;

    public SimWorld(SimScenario scenario, ulong runSeed)
    {
        _scenario = scenario;
        _random = new SimRandom(runSeed);
        _wires = [.. Enumerable.Range(0, scenario.Wires).Select(_ => new SimWire(scenario, _random))];
        Routers = [.. Enumerable.Range(0, scenario.Routers.Count).Select(index => new SimRouter(scenario, index))];
        _monitors = [.. Enumerable.Range(0, scenario.Wires).Select(wire => new SimMonitor(scenario, Routers, wire))];
    }

    public IReadOnlyList<SimRouter> Routers { get; }

    public IReadOnlyList<SimWire> Wires => _wires;

    public IReadOnlyList<SimMonitor> Monitors => _monitors;

    public long NowNs { get; private set; } = VrrpLimits.NanosecondsPerSecond;

    /// <summary>Events run so far.</summary>
    public long Events { get; private set; }

    /// <summary>Transitions to Active so far.</summary>
    public long Activations { get; private set; }

    /// <summary>All transitions so far.</summary>
    public long Transitions { get; private set; }

    /// <summary>Adverts that were damaged on the way, and seen to be.</summary>
    public long DamageSeen { get; private set; }

    /// <summary>Folds everything that happened into one number, to compare runs.</summary>
    public ulong Digest { get; private set; } = 14695981039346656037;

    /// <summary>Set to follow a run.</summary>
    public Action<string>? Trace { get; set; }

    /// <summary>Last time at which nobody owned the address of wire 0, and since when.</summary>
    public long GapLongestNs { get; private set; }

    private long _gapSinceNs = VrrpTimers.Never;

    public void At(long atNs, Action action) => _queue.Enqueue(action, (atNs, _order++));

    public void After(long delayNs, Action action) => At(NowNs + delayNs, action);

    public void RunUntil(long untilNs)
    {
        while (_queue.TryPeek(out _, out (long AtNs, long Order) next) && next.AtNs <= untilNs)
        {
            Action action = _queue.Dequeue();
            WatchGap(next.AtNs);
            NowNs = next.AtNs;
            Events++;
            action();
            foreach (SimMonitor monitor in _monitors)
            {
                monitor.Look(NowNs);
            }
        }

        WatchGap(untilNs);
        NowNs = untilNs;
    }

    /// <summary>Begins to measure the time in which nobody owns the address of wire 0.</summary>
    public void ResetGap()
    {
        GapLongestNs = 0;
        _gapSinceNs = VrrpTimers.Never;
    }

    public int ActiveCount(int wire) => Routers.Count(router => router.IsRunning && router.On(wire).State == VrrpState.Active);

    public int OwnerCount(int wire) => Routers.Count(router => router.Owns(wire, NowNs));

    public void Start(SimRouter router) => Act(router, () => router.Start(NowNs), "start");

    public void Act(SimRouter router, Action action, string name)
    {
        Note($"r{router.Index} {name}");
        action();
        Settle(router);
    }

    public void Resume(SimRouter router)
    {
        Note($"r{router.Index} resumes, {router.Waiting.Count} packets waiting");
        long stoppedNs = router.StoppedAtNs;
        router.Resume();
        while (router.Waiting.TryDequeue(out (int Wire, byte[] Packet, long AtNs) waiting))
        {
            router.Receive(waiting.Wire, waiting.Packet, NowNs, NowNs - (_scenario.AgesAreBounds ? stoppedNs : waiting.AtNs));
            Settle(router);
        }

        Settle(router);
    }

    /// <summary>Sends what is to be sent and sets the alarm for the next timer.</summary>
    private void Settle(SimRouter router)
    {
        foreach (VrrpMemberEffect effect in router.Effects)
        {
            Fold((ulong)effect.Effect.Kind, (ulong)router.Index, (ulong)effect.Member);
            if (effect.Effect.Kind == VrrpEffectKind.SendAdvertisement)
            {
                Transmit(router, effect.Member, effect.Effect);
            }
            else if (effect.Effect.Kind is VrrpEffectKind.BecomeActive or VrrpEffectKind.BecomeBackup or VrrpEffectKind.BecomeInitialize)
            {
                Transitions++;
                Activations += effect.Effect.Kind == VrrpEffectKind.BecomeActive ? 1 : 0;
                Note($"r{router.Index}.{effect.Member} {effect.Effect.Kind} {effect.Effect.Reason}");
            }
        }

        router.Effects.Clear();
        long dueNs = router.NextDueNs;
        if (dueNs != VrrpTimers.Never && dueNs != router.TickAtNs)
        {
            router.TickAtNs = dueNs;
            At(Math.Max(NowNs, dueNs) + Jitter(), () => Tick(router, dueNs));
        }
    }

    private void Tick(SimRouter router, long forNs)
    {
        if (router.TickAtNs == forNs)
        {
            router.TickAtNs = VrrpTimers.Never;
            if (router.IsRunning)
            {
                router.HandleAll(VrrpEvent.Tick, NowNs);
                Settle(router);
            }
        }
    }

    private void Transmit(SimRouter router, int wire, VrrpEffect effect)
    {
        VrrpConfig config = router.Configs[wire];
        int length = VrrpIpPacket.Build(
            _packet,
            config.Advert(effect.Priority, effect.Version),
            config.PrimaryAddress,
            VrrpAddress.Group(config.IsIPv6),
            config.ChecksumForm,
            (ushort)_order);
        Trace?.Invoke($"{NowNs} r{router.Index}.{wire} says {effect.Priority} in {effect.Version}");
        byte[] packet = _packet[..length];
        _wires[wire].Carry(router.Index, packet, (receiver, delayNs, arriving) =>
            After(delayNs + Jitter(), () => Deliver(Routers[receiver], wire, arriving, !ReferenceEquals(arriving, packet))));
    }

    private void Deliver(SimRouter router, int wire, byte[] packet, bool isDamaged)
    {
        if (router.IsPaused)
        {
            router.Waiting.Enqueue((wire, packet, NowNs));
            return;
        }

        if (!router.IsUp)
        {
            return;
        }

        VrrpDecodeError error = router.Receive(wire, packet, NowNs, 0);
        if (isDamaged != (error != VrrpDecodeError.None))
        {
            throw new SimFailure(_scenario, isDamaged ? "a damaged packet was taken" : $"a good packet was refused: {error}");
        }

        DamageSeen += isDamaged ? 1 : 0;
        Settle(router);
    }

    private long Jitter() => _random.Between(0, _scenario.JitterNs);

    private void WatchGap(long untilNs)
    {
        if (OwnerCount(0) == 0)
        {
            _gapSinceNs = Math.Min(_gapSinceNs, NowNs);
            GapLongestNs = Math.Max(GapLongestNs, untilNs - _gapSinceNs);
        }
        else
        {
            _gapSinceNs = VrrpTimers.Never;
        }
    }

    private void Note(string what)
    {
        Trace?.Invoke($"{NowNs} {what}");
        Fold((ulong)what.Length, what[^1], (ulong)NowNs);
    }

    private void Fold(ulong first, ulong second, ulong third)
    {
        Digest = (Digest ^ first) * 1099511628211;
        Digest = (Digest ^ second) * 1099511628211;
        Digest = (Digest ^ third ^ (ulong)NowNs) * 1099511628211;
    }
}
