namespace Forwarder.Vrrp.Tests;

/// <summary>One instance with a hand-driven clock; times in milliseconds.</summary>
internal sealed class Rig
{
    public const long MsNs = VrrpLimits.NanosecondsPerMillisecond;
    public static readonly VrrpAddress Own = VrrpAddress.Parse("192.168.1.2");
    public static readonly VrrpAddress Lower = VrrpAddress.Parse("192.168.1.1");
    public static readonly VrrpAddress Higher = VrrpAddress.Parse("192.168.1.3");

    private readonly List<VrrpEffect> _effects = [];

    public Rig(VrrpConfig config, long nowNs = 0)
    {
        Assert.Empty(config.Validate());
        Instance = new VrrpInstance(config);
        NowNs = nowNs;
    }

    public VrrpInstance Instance { get; }

    public long NowNs { get; private set; }

    public VrrpState State => Instance.State;

    public static VrrpConfig Config(byte priority = 100) => new()
    {
        Vrid = 10,
        Priority = priority,
        PrimaryAddress = Own,
        Addresses = [VrrpAddress.Parse("192.168.1.253")],
    };

    public static Rig Started(VrrpConfig config)
    {
        var rig = new Rig(config);
        rig.Do(VrrpEvent.Startup);
        return rig;
    }

    /// <summary>Brought to Active by silence.</summary>
    public static Rig Active(VrrpConfig config)
    {
        Rig rig = Started(config);
        rig.GoToNs(rig.Instance.DueNs(VrrpTimer.MasterDown));
        Assert.Equal(VrrpState.Active, rig.State);
        return rig;
    }

    public List<VrrpEffect> Do(VrrpEvent happened)
    {
        _effects.Clear();
        Instance.Handle(happened, NowNs, _effects);
        return [.. _effects];
    }

    public List<VrrpEffect> Hear(byte priority, VrrpAddress? source = null, int intervalCs = 100, VrrpVersion version = VrrpVersion.V3) =>
        Do(VrrpEvent.AdvertReceived(version, priority, intervalCs, source ?? Lower));

    /// <summary>Fires every timer up to and at that moment, each at its time.</summary>
    public List<VrrpEffect> GoToNs(long untilNs)
    {
        var all = new List<VrrpEffect>();
        for (int i = 0; i < 100_000 && Instance.NextDueNs <= untilNs; i++)
        {
            NowNs = Math.Max(NowNs, Instance.NextDueNs);
            all.AddRange(Do(VrrpEvent.Tick));
        }

        NowNs = untilNs;
        return all;
    }

    public List<VrrpEffect> Pass(double ms) => GoToNs(NowNs + (long)(ms * MsNs));

    /// <summary>The clock jumps, as when the process was stopped; then one event.</summary>
    public List<VrrpEffect> Sleep(double ms, VrrpEvent happened)
    {
        NowNs += (long)(ms * MsNs);
        return Do(happened);
    }

    public double DueInMs(VrrpTimer timer) => (Instance.DueNs(timer) - NowNs) / (double)MsNs;
}
