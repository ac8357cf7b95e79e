using Forwarder.Vrrp;

namespace Forwarder.Sim.Tests;

/// <summary>
/// One director: a control process with its instances, which can be stopped, killed and restarted, and a dataplane that
/// owns what control's effects say, and never beyond the lease.
/// </summary>
internal sealed class SimRouter
{
    private readonly SimScenario _scenario;
    private readonly VrrpReceiver[] _receivers;
    private readonly bool[] _owns;
    private readonly long[] _leaseUntilNs;
    private readonly List<VrrpMemberEffect> _effects = [];
    private VrrpSyncGroup _group;

    public SimRouter(SimScenario scenario, int index)
    {
        _scenario = scenario;
        Index = index;
        Configs = scenario.Routers[index];
        _receivers = [.. Configs.Select(config => new VrrpReceiver([config]))];
        _owns = new bool[Configs.Count];
        _leaseUntilNs = new long[Configs.Count];
        _group = NewGroup();
    }

    public int Index { get; }

    public IReadOnlyList<VrrpConfig> Configs { get; }

    public VrrpSyncGroup Group => _group;

    /// <summary>Control runs or is stopped; when false, it has been killed or the machine has crashed.</summary>
    public bool IsUp { get; private set; }

    public bool IsPaused { get; private set; }

    /// <summary>Ended in order: has told its peers.</summary>
    public bool IsShutDown { get; private set; }

    /// <summary>When control stopped running, by whatever cause; never while it runs.</summary>
    public long StoppedAtNs { get; private set; } = VrrpTimers.Never;

    public bool IsRunning => IsUp && !IsPaused;

    public long NextDueNs => IsRunning ? _group.NextDueNs : VrrpTimers.Never;

    /// <summary>Distinguishes a scheduled tick from those that were scheduled before something changed.</summary>
    public long TickAtNs { get; set; } = VrrpTimers.Never;

    /// <summary>Packets that came in while control was stopped.</summary>
    public Queue<(int Wire, byte[] Packet, long AtNs)> Waiting { get; } = new();

    public List<VrrpMemberEffect> Effects => _effects;

    /// <summary>The dataplane answers for the address on this wire.</summary>
    public bool Owns(int wire, long nowNs) => _owns[wire] && nowNs < _leaseUntilNs[wire];

    public VrrpInstance On(int wire) => _group.Members[wire];

    /// <summary>Takes part in the election now.</summary>
    public bool IsCandidate => IsRunning && !IsShutDown && On(0).Faults == VrrpFaults.None;

    public void Start(long nowNs)
    {
        _group = NewGroup();
        IsUp = true;
        IsPaused = false;
        IsShutDown = false;
        StoppedAtNs = VrrpTimers.Never;
        HandleAll(VrrpEvent.Startup, nowNs);
    }

    public void Shutdown(long nowNs)
    {
        HandleAll(VrrpEvent.Shutdown, nowNs);
        IsShutDown = true;
    }

    public void Kill(long nowNs)
    {
        StoppedAtNs = Math.Min(StoppedAtNs, nowNs);
        IsUp = false;
        IsPaused = false;
        Waiting.Clear();
    }

    public void Crash(long nowNs)
    {
        Kill(nowNs);
        Array.Clear(_owns);
    }

    public void Pause(long nowNs)
    {
        IsPaused = true;
        StoppedAtNs = nowNs;
    }

    public void Resume()
    {
        IsPaused = false;
        StoppedAtNs = VrrpTimers.Never;
    }

    public void HandleAll(in VrrpEvent happened, long nowNs)
    {
        _group.HandleAll(happened, nowNs, _effects);
        ApplyToDataplane(nowNs);
    }

    public VrrpDecodeError Receive(int wire, byte[] packet, long nowNs, long ageNs)
    {
        VrrpReceived received = _receivers[wire].Receive(packet);
        if (received.Error == VrrpDecodeError.None)
        {
            _group.Handle(wire, received.Event with { AgeNs = ageNs }, nowNs, _effects);
            ApplyToDataplane(nowNs);
        }

        return received.Error;
    }

    private VrrpSyncGroup NewGroup() => new([.. Configs.Select(config => new VrrpInstance(config))]);

    /// <summary>What the dataplane makes of control's effects; the wire takes the advertisements.</summary>
    private void ApplyToDataplane(long nowNs)
    {
        foreach (VrrpMemberEffect effect in _effects)
        {
            switch (effect.Effect.Kind)
            {
                case VrrpEffectKind.RenewLease:
                    if (effect.Effect.UntilNs <= nowNs)
                    {
                        throw new SimFailure(_scenario, "lease renewed into the past");
                    }

                    _leaseUntilNs[effect.Member] = effect.Effect.UntilNs;
                    break;
                case VrrpEffectKind.BecomeActive:
                    _owns[effect.Member] = true;
                    break;
                case VrrpEffectKind.EndLease:
                case VrrpEffectKind.BecomeBackup:
                case VrrpEffectKind.BecomeInitialize:
                    _owns[effect.Member] = false;
                    break;
                default:
                    break;
            }
        }
    }
}
