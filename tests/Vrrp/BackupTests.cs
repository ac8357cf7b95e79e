namespace Forwarder.Vrrp.Tests;

/// <summary>RFC 9568 section 6.4.2.</summary>
public class BackupTests
{
    [Fact]
    public void Startup_enters_backup_and_waits_3609_ms()
    {
        var rig = new Rig(Rig.Config());
        Assert.Equal(VrrpState.Initialize, rig.State);
        List<VrrpEffect> effects = rig.Do(VrrpEvent.Startup);
        Assert.Equal([VrrpEffect.Become(VrrpState.Backup, VrrpReason.Startup)], effects);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    [Fact]
    public void Silence_ends_in_active_not_a_moment_earlier()
    {
        Rig rig = Rig.Started(Rig.Config());
        Assert.Empty(rig.GoToNs(3_609_374_999));
        Assert.Equal(VrrpState.Backup, rig.State);
        List<VrrpEffect> effects = rig.GoToNs(3_609_375_000);
        EffectAssert.Kinds(
            effects,
            VrrpEffectKind.SendAdvertisement,
            VrrpEffectKind.RenewLease,
            VrrpEffectKind.BecomeActive,
            VrrpEffectKind.SendGratuitousArp);
        Assert.Equal(VrrpReason.MasterDown, rig.Instance.Reason);
        Assert.Equal(100, effects[0].Priority);
        Assert.Equal(VrrpVersion.V3, effects[0].Version);
        Assert.Equal(3_609_375_000L + 2_900_000_000L, effects[1].UntilNs);
        Assert.Equal(5, effects[3].Count);
        Assert.Equal(1, rig.Instance.Counters.ActiveTransitions);
    }

    [Theory]
    [InlineData(200)]
    [InlineData(100)] // equal priority: stay backup, whatever the address
    public void Equal_or_higher_priority_keeps_us_backup(byte priority)
    {
        Rig rig = Rig.Started(Rig.Config());
        for (int i = 0; i < 10; i++)
        {
            rig.Pass(3500);
            Assert.Empty(rig.Hear(priority));
            Assert.True(rig.Instance.IsFollowing);
        }

        Assert.Equal(VrrpState.Backup, rig.State);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
        Assert.Equal(priority, rig.Instance.ActivePriority);
        rig.Pass(3609.374);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(0.002);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.MasterDown, rig.Instance.Reason);
    }

    [Fact]
    public void Lower_priority_is_discarded_and_preempted_when_it_speaks_after_the_timer()
    {
        Rig rig = Rig.Started(Rig.Config());
        for (int i = 0; i < 3; i++)
        {
            rig.Pass(1000);
            Assert.Empty(rig.Hear(99));
            Assert.False(rig.Instance.IsFollowing);
        }

        rig.Pass(999);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Hear(99);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.Preempted, rig.Instance.Reason);
    }

    [Fact]
    public void Lower_router_that_falls_silent_is_replaced_when_its_lease_has_ended()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Pass(3000);
        rig.Hear(99, intervalCs: 50);
        rig.Pass(1499.999);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(0.001);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.Preempted, rig.Instance.Reason);
    }

    [Fact]
    public void Lower_router_whose_lease_has_ended_already_is_replaced_by_the_timer()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(99);
        rig.Pass(3609.375);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.Preempted, rig.Instance.Reason);
    }

    [Fact]
    public void Lower_router_that_resigns_is_replaced_after_the_skew()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Pass(2000);
        rig.Hear(99);
        rig.Hear(0);
        rig.Pass(609.375);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.MasterResigned, rig.Instance.Reason);
    }

    [Fact]
    public void Loser_of_an_election_is_not_taken_for_the_active_router()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Pass(100);
        rig.Hear(150, Rig.Lower);
        rig.Hear(200, Rig.Lower); // equal priority, lower address
        Assert.Equal(2, rig.Instance.Counters.LosersIgnored);
        Assert.Equal(Rig.Higher, rig.Instance.ActiveRouter);
        Assert.Equal(3509.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Hear(0, Rig.Lower);
        Assert.Equal(3509.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Equal(1, rig.Instance.Counters.PriorityZeroIgnored);

        // The better router is taken at once.
        rig.Hear(201, Rig.Lower);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
        rig.Hear(201, Rig.Higher);
        Assert.Equal(Rig.Higher, rig.Instance.ActiveRouter);
    }

    [Fact]
    public void Lease_of_an_ignored_loser_is_honoured()
    {
        // The resignation of the higher router was overtaken by its own advertisement.
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Pass(1400);
        rig.Hear(150, Rig.Lower);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(2209.375, rig.DueInMs(VrrpTimer.MasterDown), 6); // not skew
        rig.Pass(2209.376);
        Assert.Equal(VrrpState.Backup, rig.State);
        Assert.Equal(790.624, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Pass(790.625);
        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void A_loser_that_resigns_has_no_lease()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Hear(150, Rig.Lower);
        rig.Hear(0, Rig.Lower);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    /// <summary>Killed in the moment in which it was preempted: its dataplane owns the addresses until the lease ends, and it says no last word.</summary>
    [Fact]
    public void Lease_of_a_predecessor_that_did_not_resign_is_honoured()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(150, Rig.Lower);
        rig.Pass(100);
        rig.Hear(200, Rig.Higher);
        rig.Pass(100);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(2800, rig.DueInMs(VrrpTimer.MasterDown), 6); // not skew
        rig.Pass(2800);
        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void A_predecessor_that_resigned_has_no_lease()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(150, Rig.Lower);
        rig.Hear(0, Rig.Lower);
        rig.Hear(200, Rig.Higher);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    /// <summary>A loser's later lease is not shortened by a predecessor's.</summary>
    [Fact]
    public void The_later_of_two_leases_counts()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(150, Rig.Lower);
        rig.Pass(400);
        rig.Hear(120, VrrpAddress.Parse("192.168.1.9")); // lost already
        rig.Pass(400);
        rig.Hear(200, Rig.Higher);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(2600, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    /// <summary>Two routers may own the addresses; that one of them resigns says nothing of the other.</summary>
    [Theory]
    [InlineData("192.168.1.1")]
    [InlineData("192.168.1.9")]
    public void One_of_two_that_resigns_does_not_end_the_others_lease(string resigns)
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(150, Rig.Lower);
        rig.Pass(400);
        rig.Hear(120, VrrpAddress.Parse("192.168.1.9"));
        rig.Hear(200, Rig.Higher);
        rig.Hear(0, VrrpAddress.Parse(resigns));
        rig.Hear(0, Rig.Higher);
        Assert.Equal(3000, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    [Fact]
    public void A_lease_that_has_ended_does_not_keep_another_router_from_giving_its_own_back()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher, intervalCs: 4095);
        rig.Hear(150, Rig.Lower);
        rig.Pass(3000);
        rig.Hear(120, VrrpAddress.Parse("192.168.1.9"));
        rig.Hear(0, VrrpAddress.Parse("192.168.1.9"));
        rig.Hear(0, Rig.Higher);
        Assert.Equal(rig.Instance.SkewNs / 1e6, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    [Fact]
    public void Lower_router_that_followed_a_resignation_is_not_taken_over_without_its_word()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Hear(0, Rig.Higher);
        rig.Hear(50, Rig.Lower);
        rig.Pass(609.376);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(390.624);
        rig.Hear(50, Rig.Lower);
        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void Time_that_an_advertisement_waited_counts()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Sleep(2500, VrrpEvent.AdvertReceived(VrrpVersion.V3, 200, 100, Rig.Higher) with { AgeNs = 2000 * Rig.MsNs });
        Assert.Equal(1609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);

        // It was silent for longer than one interval and a half.
        rig.Hear(150, Rig.Lower);
        Assert.Equal(0, rig.Instance.Counters.LosersIgnored);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
    }

    /// <summary>The age is the host's guess: one that is too long must not let us take over beside a router whose lease runs.</summary>
    [Fact]
    public void However_old_an_advertisement_is_said_to_be_the_lease_is_honoured()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Do(VrrpEvent.AdvertReceived(VrrpVersion.V3, 200, 100, Rig.Higher) with { AgeNs = 3500 * Rig.MsNs });
        rig.Pass(2999.999);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(0.001);
        Assert.Equal((VrrpState.Active, VrrpReason.MasterDown), (rig.State, rig.Instance.Reason));
    }

    [Fact]
    public void The_lease_of_a_loser_is_honoured_however_old_its_advertisement_is_said_to_be()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Do(VrrpEvent.AdvertReceived(VrrpVersion.V3, 150, 100, Rig.Lower) with { AgeNs = 3500 * Rig.MsNs });
        Assert.Equal(1, rig.Instance.Counters.LosersIgnored);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(3000, rig.DueInMs(VrrpTimer.MasterDown), 6);
    }

    /// <summary>It does not wait for the lease of a router that has given it back.</summary>
    [Fact]
    public void A_resignation_ends_the_lease()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Hear(0, Rig.Higher);
        rig.Pass(609.375);
        Assert.Equal((VrrpState.Active, VrrpReason.MasterResigned), (rig.State, rig.Instance.Reason));
    }

    [Fact]
    public void Lower_router_is_not_preempted_on_a_word_that_waited()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Pass(3000);
        rig.Hear(99);
        rig.Pass(700);
        rig.Sleep(600, VrrpEvent.AdvertReceived(VrrpVersion.V3, 99, 100, Rig.Lower) with { AgeNs = 500 * Rig.MsNs });
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Do(VrrpEvent.AdvertReceived(VrrpVersion.V3, 99, 100, Rig.Lower) with { AgeNs = 499 * Rig.MsNs });
        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void After_one_and_a_half_intervals_of_silence_any_router_may_be_the_active_one()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Pass(1499.999);
        rig.Hear(150);
        Assert.Equal(Rig.Higher, rig.Instance.ActiveRouter);
        rig.Pass(0.001);
        rig.Hear(150);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
    }

    [Fact]
    public void The_active_router_may_lower_its_priority()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        rig.Pass(100);
        rig.Hear(150);
        Assert.Equal(150, rig.Instance.ActivePriority);
        Assert.Equal(0, rig.Instance.Counters.LosersIgnored);
    }

    [Fact]
    public void After_a_resignation_a_worse_router_may_follow_at_once()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200, Rig.Higher);
        rig.Hear(0, Rig.Higher);
        rig.Hear(150, Rig.Lower);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
        Assert.Equal(0, rig.Instance.Counters.LosersIgnored);
    }

    [Fact]
    public void Readiness_to_preempt_ends_when_a_better_router_speaks()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Pass(3000);
        rig.Hear(99);
        rig.Pass(700);
        rig.Hear(200, Rig.Higher);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Empty(rig.Hear(99));
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Without_preempt_lower_priority_is_followed()
    {
        Rig rig = Rig.Started(Rig.Config() with { Preempt = false });
        for (int i = 0; i < 20; i++)
        {
            rig.Pass(1000);
            rig.Hear(1);
            Assert.True(rig.Instance.IsFollowing);
        }

        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Priority_zero_shortens_the_wait_to_the_skew()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        Assert.Equal(0, rig.Instance.Counters.PriorityZeroReceived);
        rig.Pass(500);
        Assert.Empty(rig.Hear(0));
        Assert.False(rig.Instance.IsFollowing);
        Assert.Equal(609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Pass(609.375);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.MasterResigned, rig.Instance.Reason);
        Assert.Equal(1, rig.Instance.Counters.PriorityZeroReceived);
    }

    [Fact]
    public void Priority_zero_said_again_and_again_does_not_keep_us_waiting()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        for (int i = 0; i < 7; i++)
        {
            rig.Hear(0);
            rig.Pass(100);
        }

        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void Priority_zero_of_another_router_than_the_active_one_is_ignored()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        rig.Hear(0, Rig.Higher);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.True(rig.Instance.IsFollowing);
        Assert.Equal(1, rig.Instance.Counters.PriorityZeroIgnored);
        Assert.Equal(1, rig.Instance.Counters.PriorityZeroReceived);
    }

    [Fact]
    public void Another_router_that_takes_over_after_a_resignation_is_followed()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        rig.Hear(0);
        rig.Pass(300);
        rig.Hear(150, Rig.Higher);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Pass(3610);
        Assert.Equal(VrrpReason.MasterDown, rig.Instance.Reason);
    }

    [Fact]
    public void Advert_of_our_own_address_is_ignored()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Pass(1000);
        rig.Hear(200, Rig.Own);
        Assert.Equal(2609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Equal(1, rig.Instance.Counters.OwnAddressReceived);
        Assert.Equal(1, rig.Instance.Counters.AdvertsReceived);
    }

    [Fact]
    public void Interval_of_the_active_router_is_learned()
    {
        Rig rig = Rig.Started(Rig.Config());
        Assert.Equal(0, rig.Instance.Counters.IntervalsLearned);
        rig.Hear(200, intervalCs: 300);
        Assert.Equal(10828.125, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Equal(1, rig.Instance.Counters.IntervalsLearned);
        rig.Hear(200, intervalCs: 1);
        Assert.Equal(36.09375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        rig.Hear(200, intervalCs: 100);
        Assert.Equal(2, rig.Instance.Counters.IntervalsLearned);

        // Active again, we advertise with our own interval.
        rig.Hear(200, intervalCs: 1);
        rig.Pass(37);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.InRange(rig.DueInMs(VrrpTimer.Advert), 999, 1000);
        Assert.Equal(VrrpTimers.IntervalNs(100), rig.Instance.ActiveIntervalNs);
    }

    [Fact]
    public void Timer_handled_far_too_late_gives_one_more_chance()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        Assert.Empty(rig.Sleep(3609.375 + 1000.001, VrrpEvent.Tick));
        Assert.Equal(1609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.False(rig.Instance.IsFollowing);
        Assert.Equal(1, rig.Instance.Counters.LateTimers);

        // Only once, so that a machine that is always late takes over at last.
        rig.Sleep(1609.375 + 1000.001, VrrpEvent.Tick);
        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void Timer_handled_up_to_an_interval_late_takes_over()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        rig.Sleep(3609.375 + 1000, VrrpEvent.Tick);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(0, rig.Instance.Counters.LateTimers);
    }

    [Fact]
    public void A_chance_used_is_given_again_after_the_active_router_was_heard()
    {
        Rig rig = Rig.Started(Rig.Config());
        rig.Hear(200);
        rig.Sleep(6000, VrrpEvent.Tick);
        rig.Hear(200);
        rig.Sleep(6000, VrrpEvent.Tick);
        Assert.Equal(2, rig.Instance.Counters.LateTimers);
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Ten_milliseconds_take_over_in_36_ms()
    {
        Rig rig = Rig.Started(Rig.Config() with { IntervalCs = 1 });
        rig.Hear(200, intervalCs: 1);
        rig.Pass(36.09);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(0.01);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.InRange(rig.DueInMs(VrrpTimer.Advert), 9.9, 10);
    }

    [Fact]
    public void Without_event_nothing_happens()
    {
        Rig rig = Rig.Started(Rig.Config());
        Assert.Empty(rig.Do(default));
        Assert.Empty(rig.Do(VrrpEvent.Startup));
        Assert.Empty(rig.Do(VrrpEvent.LeaseLost));
        Assert.Empty(rig.Do(VrrpEvent.GroupBackup));
        Assert.Empty(rig.Do(VrrpEvent.Handover(1)));
        Assert.Empty(rig.Do(VrrpEvent.ReleaseBackup));
        Assert.Equal(0, rig.Instance.Counters.LeasesLost);
    }
}
