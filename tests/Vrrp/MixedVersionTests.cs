namespace Forwarder.Vrrp.Tests;

/// <summary>RFC 5798 section 8.4.1: both versions during an upgrade.</summary>
public class MixedVersionTests
{
    private static VrrpConfig Both => Rig.Config() with { AlsoVersion2 = true, IntervalCs = 10 };

    [Fact]
    public void Both_versions_are_sent()
    {
        Rig rig = Rig.Active(Both);
        List<VrrpEffect> effects = rig.Pass(100);
        Assert.Equal(
            [VrrpVersion.V3, VrrpVersion.V2],
            effects.Where(effect => effect.Kind == VrrpEffectKind.SendAdvertisement).Select(effect => effect.Version));
        EffectAssert.Kinds(
            rig.Do(VrrpEvent.Shutdown),
            VrrpEffectKind.EndLease,
            VrrpEffectKind.SendAdvertisement,
            VrrpEffectKind.SendAdvertisement,
            VrrpEffectKind.BecomeInitialize);
    }

    [Fact]
    public void Version_2_alone_is_followed_at_its_interval()
    {
        Rig rig = Rig.Started(Both);
        rig.Hear(200, intervalCs: 100, version: VrrpVersion.V2);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    [Fact]
    public void Version_2_of_a_router_heard_in_version_3_is_shadowed_for_three_intervals()
    {
        Rig rig = Rig.Started(Both);
        rig.Hear(200, intervalCs: 10);
        Assert.Equal(360.9375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Hear(200, intervalCs: 100, version: VrrpVersion.V2);
        Assert.Equal(360.9375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Equal(1, rig.Instance.Counters.Version2Shadowed);

        rig.Pass(299.9);
        rig.Hear(200, intervalCs: 100, version: VrrpVersion.V2);
        Assert.Equal(2, rig.Instance.Counters.Version2Shadowed);
        rig.Pass(0.1);
        rig.Hear(200, intervalCs: 100, version: VrrpVersion.V2);
        Assert.Equal(2, rig.Instance.Counters.Version2Shadowed);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    [Fact]
    public void Version_2_of_another_router_is_not_shadowed()
    {
        Rig rig = Rig.Started(Both);
        rig.Hear(200, intervalCs: 10);
        rig.Hear(200, Rig.Higher, 100, VrrpVersion.V2);
        Assert.Equal(0, rig.Instance.Counters.Version2Shadowed);
        Assert.Equal(Rig.Higher, rig.Instance.ActiveRouter);
    }

    [Fact]
    public void An_instance_of_version_2_shadows_nothing()
    {
        Rig rig = Rig.Started(Rig.Config() with { Version = VrrpVersion.V2 });
        rig.Hear(200, version: VrrpVersion.V3);
        rig.Hear(200, version: VrrpVersion.V2);
        Assert.Equal(0, rig.Instance.Counters.Version2Shadowed);
    }
}
