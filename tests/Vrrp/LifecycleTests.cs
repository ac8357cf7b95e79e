namespace Forwarder.Vrrp.Tests;

/// <summary>Start, stop, faults, delays, maintenance, handover.</summary>
public class LifecycleTests
{
    [Fact]
    public void Shutdown_of_the_active_router_ends_ownership_then_resigns()
    {
        Rig rig = Rig.Active(Rig.Config());
        List<VrrpEffect> effects = rig.Do(VrrpEvent.Shutdown);
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.BecomeInitialize);
        Assert.Equal(0, effects[1].Priority);
        Assert.Equal(VrrpReason.Shutdown, effects[2].Reason);
        Assert.Equal(VrrpTimers.Never, rig.Instance.NextDueNs);
        Assert.Empty(rig.Do(VrrpEvent.Shutdown));
        rig.Do(VrrpEvent.Startup);
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Shutdown_of_a_backup_says_nothing()
    {
        Rig rig = Rig.Started(Rig.Config());
        EffectAssert.Kinds(rig.Do(VrrpEvent.Shutdown), VrrpEffectKind.BecomeInitialize);
        Assert.Equal(VrrpTimers.Never, rig.Instance.NextDueNs);
    }

    [Fact]
    public void In_initialize_adverts_are_counted_and_ignored()
    {
        var rig = new Rig(Rig.Config());
        Assert.Empty(rig.Hear(200));
        Assert.Empty(rig.Hear(0));
        Assert.Equal(2, rig.Instance.Counters.ReceivedInInitialize);
        Assert.Equal(2, rig.Instance.Counters.AdvertsReceived);
        Assert.Equal(1, rig.Instance.Counters.PriorityZeroReceived);
        Assert.Equal(VrrpTimers.Never, rig.Instance.NextDueNs);
    }

    [Fact]
    public void Start_delay_is_waited_for_in_initialize()
    {
        Rig rig = Rig.Started(Rig.Config() with { StartDelayMs = 5000 });
        rig.Pass(4999);
        Assert.Equal(VrrpState.Initialize, rig.State);
        rig.Pass(2);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Do(VrrpEvent.Shutdown);
        Assert.Equal(VrrpTimers.Never, rig.Instance.NextDueNs);
    }

    [Fact]
    public void Fault_that_clears_within_the_start_delay_does_not_shorten_it()
    {
        Rig rig = Rig.Started(Rig.Config() with { StartDelayMs = 5000 });
        rig.Do(VrrpEvent.FaultRaised(VrrpFaults.Link));
        rig.Pass(1000);
        Assert.Empty(rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Link)));
        Assert.Equal(VrrpState.Initialize, rig.State);
        rig.Pass(4000);
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Start_delay_that_ends_within_a_fault_waits_for_its_end()
    {
        Rig rig = Rig.Started(Rig.Config() with { StartDelayMs = 5000 });
        rig.Do(VrrpEvent.FaultRaised(VrrpFaults.Link));
        Assert.Empty(rig.Pass(6000));
        rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Link));
        Assert.Equal(VrrpState.Backup, rig.State);
        Assert.Equal(VrrpReason.FaultCleared, rig.Instance.Reason);
    }

    [Theory]
    [InlineData(VrrpFaults.Link)]
    [InlineData(VrrpFaults.Worker)]
    [InlineData(VrrpFaults.Tracking)]
    public void Fault_of_the_active_router_resigns_with_priority_zero(VrrpFaults fault)
    {
        Rig rig = Rig.Active(Rig.Config());
        List<VrrpEffect> effects = rig.Do(VrrpEvent.FaultRaised(fault));
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.BecomeInitialize);
        Assert.Equal(0, effects[1].Priority);
        Assert.Equal(VrrpReason.Fault, effects[2].Reason);
        Assert.Equal(fault, rig.Instance.Faults);
        Assert.Null(rig.Instance.ActiveRouter);
        Assert.Empty(rig.Pass(60_000));
    }

    [Fact]
    public void Several_faults_all_have_to_clear()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Do(VrrpEvent.FaultRaised(VrrpFaults.Link));
        rig.Do(VrrpEvent.FaultRaised(VrrpFaults.Worker));
        Assert.Empty(rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Link)));
        EffectAssert.Kinds(rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Worker)), VrrpEffectKind.BecomeBackup);
    }

    [Fact]
    public void Clearing_a_fault_that_was_not_there_changes_nothing()
    {
        Rig rig = Rig.Active(Rig.Config());
        Assert.Empty(rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Link)));
        Assert.Empty(rig.Do(VrrpEvent.FaultRaised(VrrpFaults.None)));
        Assert.Equal(VrrpState.Active, rig.State);
    }

    /// <summary>An owner would be active at once, and every peer would yield to it.</summary>
    [Theory]
    [InlineData(100, VrrpState.Backup)]
    [InlineData(255, VrrpState.Active)]
    public void A_router_at_fault_from_the_start_says_so_and_nothing_else(byte priority, VrrpState afterwards)
    {
        var rig = new Rig(Rig.Config(priority));
        Assert.Empty(rig.Do(VrrpEvent.FaultRaised(VrrpFaults.Tracking)));
        VrrpEffect told = Assert.Single(rig.Do(VrrpEvent.Startup));
        Assert.Equal((VrrpEffectKind.BecomeInitialize, VrrpReason.Fault), (told.Kind, told.Reason));
        Assert.Equal(VrrpTimers.Never, rig.Instance.NextDueNs);
        rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Tracking));
        Assert.Equal(afterwards, rig.State);
    }

    [Fact]
    public void Fault_that_clears_before_the_start_does_not_start()
    {
        var rig = new Rig(Rig.Config());
        rig.Do(VrrpEvent.FaultRaised(VrrpFaults.Link));
        Assert.Empty(rig.Do(VrrpEvent.FaultCleared(VrrpFaults.Link)));
        Assert.Equal(VrrpState.Initialize, rig.State);
    }

    [Fact]
    public void Preempt_delay_leaves_a_lower_router_alone_for_its_time()
    {
        Rig rig = Rig.Started(Rig.Config() with { PreemptDelayMs = 20_000 });
        for (int i = 0; i < 20; i++)
        {
            rig.Hear(50);
            Assert.False(rig.Instance.IsFollowing);
            rig.Pass(999.9);
            Assert.Equal(VrrpState.Backup, rig.State);
        }

        rig.Pass(3);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Hear(50);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.Preempted, rig.Instance.Reason);
    }

    [Fact]
    public void Preempt_delay_does_not_keep_us_from_replacing_a_dead_router()
    {
        Rig rig = Rig.Started(Rig.Config() with { PreemptDelayMs = 20_000 });
        rig.Hear(50);
        rig.Pass(3610);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.PreemptDelay));
    }

    [Fact]
    public void Preempt_delay_begins_anew_after_a_better_router()
    {
        Rig rig = Rig.Started(Rig.Config() with { PreemptDelayMs = 3000 });
        rig.Hear(50);
        rig.Pass(2000);
        rig.Hear(150);
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.PreemptDelay));
        rig.Hear(50);
        Assert.Equal(3000, rig.DueInMs(VrrpTimer.PreemptDelay), 6);
    }

    [Fact]
    public void Resignation_ends_the_preempt_delay()
    {
        Rig rig = Rig.Started(Rig.Config() with { PreemptDelayMs = 20_000 });
        rig.Hear(50);
        rig.Hear(0);
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.PreemptDelay));
        rig.Pass(610);
        Assert.Equal(VrrpReason.MasterResigned, rig.Instance.Reason);
    }

    [Fact]
    public void Forced_backup_stays_backup_even_alone_and_returns_in_time()
    {
        Rig rig = Rig.Active(Rig.Config());
        List<VrrpEffect> effects = rig.Do(VrrpEvent.ForceBackup(30_000 * Rig.MsNs));
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.BecomeBackup);
        Assert.Equal(VrrpReason.Forced, effects[2].Reason);
        Assert.True(rig.Instance.IsForcedBackup);
        Assert.Empty(rig.Pass(29_999));
        rig.Pass(3612);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.False(rig.Instance.IsForcedBackup);
    }

    [Fact]
    public void Forced_backup_follows_a_lower_router_then_preempts_it()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Do(VrrpEvent.ForceBackup(10_000 * Rig.MsNs));
        rig.Hear(50);
        Assert.True(rig.Instance.IsFollowing);
        rig.Do(VrrpEvent.ReleaseBackup);
        Assert.False(rig.Instance.IsFollowing);
        Assert.False(rig.Instance.IsForcedBackup);
        for (int i = 0; i < 4; i++)
        {
            rig.Pass(1000);
            rig.Hear(50);
        }

        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void Forcing_stops_a_preempt_delay()
    {
        Rig rig = Rig.Started(Rig.Config() with { PreemptDelayMs = 2000 });
        rig.Hear(50);
        rig.Do(VrrpEvent.ForceBackup(60_000 * Rig.MsNs));
        rig.Pass(10_000);
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Handover_serves_until_the_peer_speaks()
    {
        Rig rig = Rig.Active(Rig.Config(200));
        List<VrrpEffect> effects = rig.Do(VrrpEvent.Handover(30_000 * Rig.MsNs));
        EffectAssert.Kinds(effects, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.RenewLease);
        Assert.Equal(0, effects[0].Priority);
        Assert.Equal(rig.NowNs + (1750 * Rig.MsNs), effects[1].UntilNs);
        Assert.True(rig.Instance.IsHandingOver);
        Assert.Empty(rig.Do(VrrpEvent.Handover(1)));

        Assert.Empty(rig.Pass(610)); // no advertisement in between: it would call the peer back
        Assert.Empty(rig.Hear(0, Rig.Higher));
        Assert.Equal(VrrpState.Active, rig.State);
        effects = rig.Hear(100);
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.BecomeBackup);
        Assert.Equal(VrrpReason.HandedOver, rig.Instance.Reason);
        Assert.True(rig.Instance.IsForcedBackup);
        Assert.False(rig.Instance.IsHandingOver);
        Assert.True(rig.Instance.IsFollowing);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
        Assert.Equal(100, rig.Instance.ActivePriority);
        Assert.Equal(3218.75, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Equal(30_000, rig.DueInMs(VrrpTimer.ForcedBackup), 6);
    }

    [Fact]
    public void Handover_to_nobody_fails_and_we_go_on()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Do(VrrpEvent.Handover(30_000 * Rig.MsNs));
        List<VrrpEffect> effects = rig.Pass(1500);
        EffectAssert.Kinds(effects, VrrpEffectKind.HandoverFailed, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.RenewLease);
        Assert.Equal(100, effects[1].Priority);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(10, EffectAssert.Count(rig.Pass(10_000), VrrpEffectKind.SendAdvertisement));
    }

    [Fact]
    public void Priority_in_force_is_advertised()
    {
        Rig rig = Rig.Active(Rig.Config(150));
        rig.Do(VrrpEvent.PriorityChanged(115));
        Assert.Equal(115, rig.Instance.ActivePriority);   // we are the active router
        Assert.Equal(115, rig.Pass(1000)[0].Priority);
        Assert.Equal(115, rig.Instance.Priority);
        rig.Do(VrrpEvent.PriorityChanged(0));
        Assert.Equal(1, rig.Instance.Priority);
        rig.Do(VrrpEvent.PriorityChanged(255));
        Assert.Equal(254, rig.Instance.Priority);
    }

    [Fact]
    public void Priority_change_moves_the_running_timer_by_the_change_of_skew()
    {
        Rig rig = Rig.Started(Rig.Config(100));
        rig.Pass(1000);
        rig.Do(VrrpEvent.PriorityChanged(200));
        Assert.Equal(2218.75, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Do(VrrpEvent.PriorityChanged(100));
        Assert.Equal(2609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    [Fact]
    public void Priority_change_of_a_backup_leaves_that_of_the_active_router()
    {
        Rig rig = Rig.Started(Rig.Config(100));
        rig.Hear(180);
        rig.Do(VrrpEvent.PriorityChanged(120));
        Assert.Equal(180, rig.Instance.ActivePriority);
    }

    [Fact]
    public void Priority_change_of_an_active_router_starts_no_backup_timer()
    {
        Rig rig = Rig.Active(Rig.Config(100));
        rig.Do(VrrpEvent.PriorityChanged(50));
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.MasterDown));
        rig.Hear(60);
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Group_makes_a_backup_active_and_an_active_one_backup()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Do(VrrpEvent.GroupActive);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.SyncGroup, rig.Instance.Reason);
        Assert.Empty(rig.Do(VrrpEvent.GroupActive));
        List<VrrpEffect> effects = rig.Do(VrrpEvent.GroupBackup);
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.BecomeBackup);
        rig.Do(VrrpEvent.ForceBackup(1000 * Rig.MsNs));
        Assert.Empty(rig.Do(VrrpEvent.GroupActive));
        rig.Do(VrrpEvent.Shutdown);
        Assert.Empty(rig.Do(VrrpEvent.GroupActive));
    }

    [Theory]
    [InlineData(100, true)]
    [InlineData(99, false)]
    public void After_forced_backup_only_a_lower_router_is_not_followed_on(byte activePriority, bool follows)
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Do(VrrpEvent.ForceBackup(2000 * Rig.MsNs));
        rig.Hear(activePriority);
        Assert.True(rig.Instance.IsFollowing);
        rig.Pass(2000);
        Assert.False(rig.Instance.IsForcedBackup);
        Assert.Equal(follows, rig.Instance.IsFollowing);
    }
}
