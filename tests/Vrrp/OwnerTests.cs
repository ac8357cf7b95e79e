namespace Forwarder.Vrrp.Tests;

/// <summary>Priority 255.</summary>
public class OwnerTests
{
    [Fact]
    public void Owner_is_active_from_the_start()
    {
        var rig = new Rig(Rig.Config(255));
        List<VrrpEffect> effects = rig.Do(VrrpEvent.Startup);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.AddressOwner, rig.Instance.Reason);
        Assert.Equal(VrrpReason.AddressOwner, rig.Instance.Counters.ActiveReason);
        Assert.Equal(255, effects[0].Priority);
    }

    [Fact]
    public void Owner_beats_all()
    {
        Rig rig = Rig.Started(Rig.Config(255));
        rig.Pass(500);
        rig.Hear(254, Rig.Higher);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(0, rig.Instance.Counters.OwnerConflicts);
    }

    [Fact]
    public void Two_owners_are_counted_and_the_higher_address_wins()
    {
        Rig rig = Rig.Started(Rig.Config(255));
        rig.Hear(255, Rig.Lower);
        Assert.Equal(VrrpState.Active, rig.State);
        rig.Hear(255, Rig.Higher);
        Assert.Equal(VrrpState.Backup, rig.State);
        Assert.Equal(2, rig.Instance.Counters.OwnerConflicts);
    }

    [Fact]
    public void One_who_is_not_an_owner_counts_no_conflict()
    {
        Rig rig = Rig.Active(Rig.Config());
        rig.Hear(255);
        Assert.Equal(VrrpState.Backup, rig.State);
        Assert.Equal(0, rig.Instance.Counters.OwnerConflicts);
    }

    [Fact]
    public void Priority_of_an_owner_does_not_change()
    {
        Rig rig = Rig.Started(Rig.Config(255));
        rig.Do(VrrpEvent.PriorityChanged(10));
        Assert.Equal(255, rig.Instance.Priority);
    }

    [Fact]
    public void Forced_owner_comes_back_at_the_end_of_the_time()
    {
        Rig rig = Rig.Started(Rig.Config(255));
        rig.Do(VrrpEvent.ForceBackup(60_000 * Rig.MsNs));
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(59_999);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(2);
        Assert.Equal(VrrpState.Active, rig.State);
        Assert.Equal(VrrpReason.AddressOwner, rig.Instance.Reason);
    }

    [Fact]
    public void Owner_that_lost_to_another_owner_is_not_made_active_by_a_release()
    {
        Rig rig = Rig.Started(Rig.Config(255));
        rig.Hear(255, Rig.Higher);
        rig.Do(VrrpEvent.ReleaseBackup);
        Assert.Equal(VrrpState.Backup, rig.State);
    }

    [Fact]
    public void Owner_forced_before_the_start_starts_as_backup()
    {
        var rig = new Rig(Rig.Config(255));
        rig.Do(VrrpEvent.ForceBackup(10_000 * Rig.MsNs));
        rig.Do(VrrpEvent.Startup);
        Assert.Equal(VrrpState.Backup, rig.State);
        rig.Pass(10_000);
        Assert.Equal(VrrpState.Active, rig.State);
    }
}
