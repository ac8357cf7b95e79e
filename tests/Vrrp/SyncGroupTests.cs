namespace Forwarder.Vrrp.Tests;

public class SyncGroupTests
{
    private readonly List<VrrpMemberEffect> _effects = [];
    private readonly VrrpInstance _inside = new(Member(10));
    private readonly VrrpInstance _outside = new(Member(20));
    private readonly VrrpSyncGroup _group;
    private long _nowNs;

    public SyncGroupTests()
    {
        _group = new VrrpSyncGroup([_inside, _outside]);
        Assert.Empty(_group.Validate());
        _group.HandleAll(VrrpEvent.Startup, 0, _effects);
    }

    [Fact]
    public void Starts_together_and_becomes_active_together()
    {
        AssertState(VrrpState.Backup);
        Pass(3610);
        AssertState(VrrpState.Active);
        Assert.Equal(VrrpReason.MasterDown, _inside.Reason);
        Assert.Equal(VrrpReason.SyncGroup, _outside.Reason);
        Assert.Equal([0, 1], _effects.Where(effect => effect.Effect.Kind == VrrpEffectKind.BecomeActive).Select(effect => effect.Member));
    }

    [Fact]
    public void One_member_that_loses_takes_the_other_down()
    {
        Pass(3610);
        Hear(0, 200);
        AssertState(VrrpState.Backup);
        Assert.Equal(VrrpReason.HigherPriority, _inside.Reason);
        Assert.Equal(VrrpReason.SyncGroup, _outside.Reason);
        Assert.DoesNotContain(_effects, effect => effect.Effect is { Kind: VrrpEffectKind.SendAdvertisement, Priority: 0 });
        Assert.Equal([0, 1], _effects.Where(effect => effect.Effect.Kind == VrrpEffectKind.EndLease).Select(effect => effect.Member));
        Assert.Equal(100, _effects[^2].Effect.Priority);
    }

    [Fact]
    public void One_member_that_loses_its_lease_makes_the_other_resign()
    {
        Pass(3610);
        _group.Handle(0, VrrpEvent.LeaseLost, _nowNs, _effects);
        AssertState(VrrpState.Backup);
        Assert.Equal(2, _effects.Count(effect => effect.Effect is { Kind: VrrpEffectKind.SendAdvertisement, Priority: 0 }));
    }

    /// <summary>A lower active router is stopped between its words on two wires: what it still owns on one is not taken with the other.</summary>
    [Fact]
    public void The_lease_of_a_lower_router_on_another_wire_is_honoured()
    {
        Hear(0, 50);
        Pass(900);
        Hear(1, 50);
        Pass(2800); // past Master_Down_Interval (3,609 ms), and the lease on wire 0 is over; that on wire 1 ends at 3,900
        AssertState(VrrpState.Backup);
        Pass(150);
        AssertState(VrrpState.Backup);
        Pass(48);
        AssertState(VrrpState.Backup);
        Assert.Equal(1, _inside.Counters.HeldByGroup);
        Pass(2);
        AssertState(VrrpState.Active);
        Assert.Equal(1, _inside.Counters.HeldByGroup); // not held in the moment in which the lease ends
    }

    /// <summary>The same while we were kept back: who was followed then, and is worse, may own its addresses still.</summary>
    [Fact]
    public void The_lease_of_a_router_that_was_followed_in_maintenance_is_honoured()
    {
        _group.HandleAll(VrrpEvent.ForceBackup(3_500 * Rig.MsNs), _nowNs, _effects);
        Hear(0, 50);
        Pass(900);
        Hear(1, 50);
        Pass(2_990); // maintenance has ended, wire 0's Master_Down_Interval, too; the lease on wire 1 ends at 3,900
        AssertState(VrrpState.Backup);
        Pass(11);
        AssertState(VrrpState.Active);
    }

    [Fact]
    public void One_silent_link_does_not_tear_the_group_apart()
    {
        for (int i = 0; i < 20; i++)
        {
            Hear(1, 200);
            Pass(1000);
            AssertState(VrrpState.Backup);
        }

        Assert.InRange(_inside.Counters.HeldByGroup, 4, 6);
        Assert.Equal(0, _outside.Counters.HeldByGroup);

        // When the other falls silent too, both go.
        Pass(3610);
        AssertState(VrrpState.Active);
    }

    [Fact]
    public void Resignation_on_one_link_moves_all()
    {
        Hear(0, 200);
        Hear(1, 200);
        Hear(0, 0);
        Pass(610);
        AssertState(VrrpState.Active);
        Assert.Equal(VrrpReason.MasterResigned, _inside.Reason);
    }

    [Fact]
    public void A_preempt_delay_waits_for_the_member_that_hears_a_better_router()
    {
        var first = new VrrpInstance(Member(10) with { PreemptDelayMs = 1000 });
        var second = new VrrpInstance(Member(20) with { PreemptDelayMs = 1000 });
        var group = new VrrpSyncGroup([first, second]);
        group.HandleAll(VrrpEvent.Startup, 0, _effects);
        group.Handle(0, Advert(50), 0, _effects);
        group.Handle(1, Advert(200), 0, _effects);
        group.HandleAll(VrrpEvent.Tick, 1_000_000_000, _effects);
        group.Handle(0, Advert(50), 1_000_000_000, _effects);
        Assert.Equal(VrrpState.Backup, first.State);

        group.Handle(0, Advert(50), 1_000_000_000, _effects);
        group.Handle(1, Advert(50), 1_000_000_000, _effects);
        group.HandleAll(VrrpEvent.Tick, 2_000_000_000, _effects);
        Assert.Equal(VrrpState.Backup, first.State);
        group.Handle(0, Advert(50), 2_000_000_000, _effects);
        Assert.Equal(VrrpState.Active, first.State);
        Assert.Equal(VrrpState.Active, second.State);
    }

    [Fact]
    public void Fault_of_one_is_a_fault_of_all()
    {
        Pass(3610);
        _group.Handle(0, VrrpEvent.FaultRaised(VrrpFaults.Link), _nowNs, _effects);
        AssertState(VrrpState.Initialize);
        Assert.Equal(VrrpFaults.Link, _inside.Faults);
        Assert.Equal(VrrpFaults.Group, _outside.Faults);
        Assert.Equal(2, _effects.Count(effect => effect.Effect is { Kind: VrrpEffectKind.SendAdvertisement, Priority: 0 }));

        _group.Handle(1, VrrpEvent.FaultRaised(VrrpFaults.Worker), _nowNs, _effects);
        _group.Handle(0, VrrpEvent.FaultCleared(VrrpFaults.Link), _nowNs, _effects);
        AssertState(VrrpState.Initialize);
        Assert.Equal(VrrpFaults.Group, _inside.Faults);
        Assert.Equal(VrrpFaults.Worker, _outside.Faults);
        _group.Handle(1, VrrpEvent.FaultCleared(VrrpFaults.Worker), _nowNs, _effects);
        AssertState(VrrpState.Backup);
    }

    [Fact]
    public void Shutdown_and_maintenance_move_all()
    {
        Pass(3610);
        _group.HandleAll(VrrpEvent.ForceBackup(10_000 * Rig.MsNs), _nowNs, _effects);
        AssertState(VrrpState.Backup);
        Pass(9999);
        AssertState(VrrpState.Backup);
        Pass(4000);
        AssertState(VrrpState.Active);
        _group.HandleAll(VrrpEvent.Shutdown, _nowNs, _effects);
        AssertState(VrrpState.Initialize);
        Assert.Equal(VrrpTimers.Never, _group.NextDueNs);
    }

    [Fact]
    public void Handover_keeps_all_members_back_for_the_same_time()
    {
        Pass(3610);
        _group.HandleAll(VrrpEvent.Handover(30_000 * Rig.MsNs), _nowNs, _effects);
        AssertState(VrrpState.Active);
        Pass(500);
        Hear(0, 50);
        AssertState(VrrpState.Backup);
        Assert.Equal(_inside.DueNs(VrrpTimer.ForcedBackup), _outside.DueNs(VrrpTimer.ForcedBackup));
        Assert.Equal(_nowNs + (30_000 * Rig.MsNs), _inside.DueNs(VrrpTimer.ForcedBackup));
    }

    /// <summary>What is tracked is told to each member; their priorities are their own.</summary>
    [Fact]
    public void Tracking_moves_the_priorities_of_all_and_a_fault_takes_all()
    {
        for (int member = 0; member < 2; member++)
        {
            _group.Handle(member, VrrpEvent.PriorityChanged(70), 0, _effects);
            _group.Handle(member, VrrpEvent.FaultRaised(VrrpFaults.Tracking), 0, _effects);
        }

        Assert.Equal([70, 70], [_inside.Priority, _outside.Priority]);
        AssertState(VrrpState.Initialize);
        _group.Handle(0, VrrpEvent.FaultCleared(VrrpFaults.Tracking), 0, _effects);
        AssertState(VrrpState.Initialize);
        _group.Handle(1, VrrpEvent.FaultCleared(VrrpFaults.Tracking), 0, _effects);
        AssertState(VrrpState.Backup);
    }

    [Fact]
    public void Members_must_not_differ_in_their_delays()
    {
        var other = new VrrpInstance(Member(20) with { StartDelayMs = 1, PreemptDelayMs = 2, Preempt = false, Priority = 255 });
        IReadOnlyList<VrrpConfigProblem> problems = new VrrpSyncGroup([_inside, other]).Validate();
        Assert.Equal(4, problems.Count);
        Assert.All(problems, problem => Assert.StartsWith("members[1].", problem.Field, StringComparison.Ordinal));
    }

    [Fact]
    public void An_active_group_stays_active_through_events_that_change_nothing()
    {
        Pass(3610);
        _effects.Clear();
        Hear(0, 50);
        Hear(1, 50);
        AssertState(VrrpState.Active);
        Assert.DoesNotContain(_effects, effect => effect.Effect.Kind == VrrpEffectKind.BecomeBackup);
    }

    private static VrrpConfig Member(byte vrid) => Rig.Config() with { Vrid = vrid };

    private static VrrpEvent Advert(byte priority) => VrrpEvent.AdvertReceived(VrrpVersion.V3, priority, 100, Rig.Lower);

    private void Hear(int member, byte priority) => _group.Handle(member, Advert(priority), _nowNs, _effects);

    private void Pass(double ms)
    {
        long untilNs = _nowNs + (long)(ms * Rig.MsNs);
        for (int i = 0; i < 100_000 && _group.NextDueNs <= untilNs; i++)
        {
            _nowNs = Math.Max(_nowNs, _group.NextDueNs);
            _group.HandleAll(VrrpEvent.Tick, _nowNs, _effects);
        }

        _nowNs = untilNs;
    }

    private void AssertState(VrrpState expected)
    {
        Assert.Equal(expected, _inside.State);
        Assert.Equal(expected, _outside.State);
    }
}
