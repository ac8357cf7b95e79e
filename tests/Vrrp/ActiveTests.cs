namespace Forwarder.Vrrp.Tests;

/// <summary>RFC 9568 section 6.4.3.</summary>
public class ActiveTests
{
    [Fact]
    public void Advertises_every_interval_and_renews_the_lease()
    {
        Rig rig = Rig.Active(Rig.Config() with { Announce = new VrrpAnnounceConfig { RepeatDelayMs = 0 } });
        long startNs = rig.NowNs;
        List<VrrpEffect> effects = rig.Pass(10_000);
        Assert.Equal(10, EffectAssert.Count(effects, VrrpEffectKind.SendAdvertisement));
        Assert.Equal(20, effects.Count);
        Assert.Equal(startNs + 12_900_000_000, rig.Instance.LeaseUntilNs);
        Assert.Equal(11, rig.Instance.Counters.AdvertsSent);
        Assert.Equal(0, rig.Instance.Counters.PriorityZeroSent);
    }

    [Fact]
    public void Late_handling_does_not_add_up()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Sleep(1300, VrrpEvent.Tick);
        Assert.Equal(700, rig.DueInMs(VrrpTimer.Advert), 6);

        // A whole interval missed: begin anew, never two in one breath.
        List<VrrpEffect> effects = rig.Sleep(700 + 1000, VrrpEvent.Tick);
        Assert.Equal(1, EffectAssert.Count(effects, VrrpEffectKind.SendAdvertisement));
        Assert.Equal(1000, rig.DueInMs(VrrpTimer.Advert), 6);
    }

    [Fact]
    public void Higher_priority_makes_us_backup_and_says_one_last_word()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Pass(500);
        List<VrrpEffect> effects = rig.Hear(101, intervalCs: 200);
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.BecomeBackup);
        Assert.Equal(100, effects[1].Priority);
        Assert.Equal(VrrpReason.HigherPriority, effects[2].Reason);
        Assert.Equal(7218.75, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.True(rig.Instance.IsFollowing);
        Assert.Equal(Rig.Lower, rig.Instance.ActiveRouter);
        Assert.Equal(101, rig.Instance.ActivePriority);
        Assert.Equal(1, rig.Instance.Counters.RivalsHeard);
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.Advert));
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.AnnounceRepeat));
    }

    [Fact]
    public void Tie_goes_to_the_higher_address()
    {
        Rig loses = Rig.Active(Rig.Config());
        loses.Hear(100, Rig.Higher);
        Assert.Equal(VrrpState.Backup, loses.State);

        Rig wins = Rig.Active(Rig.Config());
        wins.Hear(100, Rig.Lower);
        Assert.Equal(VrrpState.Active, wins.State);
    }

    [Fact]
    public void Higher_address_does_not_help_a_lower_priority()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Hear(99, Rig.Higher);
        Assert.Equal(VrrpState.Active, rig.State);
    }

    [Fact]
    public void Our_own_advert_does_not_count_as_a_rival()
    {
        Rig rig = Rig.Active(Rig.Config());
        Assert.Empty(rig.Hear(255, Rig.Own));
        Assert.Equal(0, rig.Instance.Counters.RivalsHeard);
    }

    [Fact]
    public void Rival_of_lower_priority_is_answered_and_the_addresses_announced_again()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Pass(10_500);
        List<VrrpEffect> effects = rig.Hear(50);
        EffectAssert.Kinds(effects, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.RenewLease, VrrpEffectKind.SendGratuitousArp);
        Assert.Equal(100, effects[0].Priority);
        Assert.Equal(5, effects[2].Count);
        Assert.Equal(1000, rig.DueInMs(VrrpTimer.Advert), 6);
        Assert.Equal(5000, rig.DueInMs(VrrpTimer.AnnounceRepeat), 6);
        Assert.Equal(1, rig.Instance.Counters.RivalsHeard);
    }

    [Fact]
    public void Flood_of_rivals_is_answered_nine_times_an_interval_and_announced_once_a_second()
    {
        Rig rig = Rig.Active(Rig.Config() with { Announce = new VrrpAnnounceConfig { RepeatDelayMs = 0 } });
        rig.Pass(10_000);
        int adverts = 0;
        int bursts = 0;
        for (int i = 0; i < 2000; i++)
        {
            List<VrrpEffect> effects = rig.Pass(1);
            effects.AddRange(rig.Hear(50));
            adverts += EffectAssert.Count(effects, VrrpEffectKind.SendAdvertisement);
            bursts += EffectAssert.Count(effects, VrrpEffectKind.SendGratuitousArp);
        }

        // 8 answers, an interval of silence towards the flood, our own advertisement, 8 answers ...
        Assert.Equal(17, adverts);
        Assert.InRange(bursts, 2, 3);
    }

    [Fact]
    public void Answers_are_given_anew_after_becoming_active_again()
    {
        Rig rig = Rig.Active(Rig.Config());
        for (int i = 0; i < 9; i++)
        {
            Assert.Equal(i < 8 ? 1 : 0, EffectAssert.Count(rig.Hear(50), VrrpEffectKind.SendAdvertisement));
        }

        rig.Hear(200);
        rig.Pass(3610);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(1, EffectAssert.Count(rig.Hear(50), VrrpEffectKind.SendAdvertisement));
    }

    [Fact]
    public void Rival_heard_within_a_second_of_the_last_burst_brings_the_next_one_forward()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Pass(400);
        Assert.Equal(0, EffectAssert.Count(rig.Hear(50), VrrpEffectKind.SendGratuitousArp));
        Assert.Equal(600, rig.DueInMs(VrrpTimer.AnnounceRepeat), 6);

        // But it never puts off a burst that is due sooner.
        Rig soon = Rig.Active(Rig.Config() with { Announce = new VrrpAnnounceConfig { RepeatDelayMs = 500 } });
        soon.Pass(400);
        soon.Hear(50);
        Assert.Equal(100, soon.DueInMs(VrrpTimer.AnnounceRepeat), 6);
    }

    [Fact]
    public void Rival_exactly_a_second_after_the_last_burst_is_announced_against()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Pass(1000);
        Assert.Equal(1, EffectAssert.Count(rig.Hear(50), VrrpEffectKind.SendGratuitousArp));
    }

    [Fact]
    public void Priority_zero_of_a_rival_is_answered_at_once()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Pass(10);
        List<VrrpEffect> effects = rig.Hear(0);
        EffectAssert.Kinds(effects, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.RenewLease);
        Assert.Equal(100, effects[0].Priority);
        Assert.Equal(0, rig.Instance.Counters.RivalsHeard);
    }

    [Fact]
    public void Second_burst_after_5_s_and_no_refresh_unless_asked_for()
    {
        Rig rig = Rig.Active(Rig.Config());
        Assert.Equal(0, EffectAssert.Count(rig.Pass(4999), VrrpEffectKind.SendGratuitousArp));
        Assert.Equal(1, EffectAssert.Count(rig.Pass(2), VrrpEffectKind.SendGratuitousArp));
        Assert.Equal(0, EffectAssert.Count(rig.Pass(600_000), VrrpEffectKind.SendGratuitousArp));
    }

    [Fact]
    public void Refresh_repeats_with_its_own_count()
    {
        Rig rig = Rig.Active(Rig.Config() with
        {
            Announce = new VrrpAnnounceConfig { Count = 3, RepeatDelayMs = 0, RefreshMs = 60_000, RefreshCount = 2 },
        });
        List<VrrpEffect> effects = rig.Pass(180_000);
        VrrpEffect[] bursts = [.. effects.Where(effect => effect.Kind == VrrpEffectKind.SendGratuitousArp)];
        Assert.Equal([2, 2, 2], bursts.Select(burst => burst.Count));

        // A backup does not announce.
        rig.Hear(200);
        Assert.Equal(VrrpTimers.Never, rig.Instance.DueNs(VrrpTimer.AnnounceRefresh));
    }

    [Fact]
    public void No_second_burst_when_its_delay_is_zero()
    {
        Rig rig = Rig.Started(Rig.Config() with { Announce = new VrrpAnnounceConfig { RepeatDelayMs = 0 } });
        Assert.Equal(1, EffectAssert.Count(rig.Pass(4_000), VrrpEffectKind.SendGratuitousArp));
    }

    [Fact]
    public void IPv6_announces_by_neighbour_advertisement()
    {
        Rig rig = Rig.Active(new VrrpConfig
        {
            Vrid = 1,
            PrimaryAddress = VrrpAddress.Parse("fe80::2"),
            Addresses = [VrrpAddress.Parse("fe80::1")],
        });
        Assert.Equal(5, EffectAssert.Only(rig.Pass(5000), VrrpEffectKind.SendUnsolicitedNeighbourAdvertisement).Count);
    }

    [Fact]
    public void Accept_mode()
    {
        Assert.False(Rig.Started(Rig.Config()).Instance.AcceptsTraffic);
        Assert.True(Rig.Active(Rig.Config()).Instance.AcceptsTraffic);
        Assert.False(Rig.Active(Rig.Config() with { AcceptMode = false }).Instance.AcceptsTraffic);
        Assert.True(Rig.Started(Rig.Config(255) with { AcceptMode = false }).Instance.AcceptsTraffic);
    }

    [Fact]
    public void Lease_lost_by_stopping_too_long_resigns_before_anything_else()
    {
        Rig rig = Rig.Active(Rig.Config());
        List<VrrpEffect> effects = rig.Sleep(2900, VrrpEvent.Tick);
        EffectAssert.Kinds(effects, VrrpEffectKind.EndLease, VrrpEffectKind.SendAdvertisement, VrrpEffectKind.BecomeBackup);
        Assert.Equal(0, effects[1].Priority);
        Assert.Equal(VrrpReason.LeaseLost, effects[2].Reason);
        Assert.Equal(1, rig.Instance.Counters.LeasesLost);
        Assert.Equal(1, rig.Instance.Counters.PriorityZeroSent);
        Assert.Equal(3609.375, rig.DueInMs(VrrpTimer.MasterDown), 6);
        Assert.Null(rig.Instance.ActiveRouter);
    }

    [Fact]
    public void Stop_just_shorter_than_the_lease_goes_on()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Sleep(2899.999, VrrpEvent.Tick);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(0, rig.Instance.Counters.LeasesLost);
    }

    [Fact]
    public void Lease_that_the_dataplane_lost_resigns()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Do(VrrpEvent.LeaseLost);
        Assert.Equal(VrrpState.Backup, rig.State);
        Assert.Equal(VrrpReason.LeaseLost, rig.Instance.Reason);
        Assert.Equal(1, rig.Instance.Counters.LeasesLost);
    }

    [Fact]
    public void Transition_is_stamped_with_its_time()
    {
        Rig rig = Rig.Active(Rig.Config());
        Assert.Equal(3_609_375_000, rig.Instance.SinceNs);
        Assert.Equal(Rig.Own, rig.Instance.ActiveRouter);
        Assert.Equal(100, rig.Instance.ActivePriority);
        Assert.False(rig.Instance.IsFollowing);
    }
}
