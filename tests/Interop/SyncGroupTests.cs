using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Groups that move together, and groups that share the load.</summary>
public sealed class SyncGroupTests : IDisposable
{
    private const string Sync = """ "vrrpSyncGroups": [ { "name": "all", "groups": [ "a", "b" ] } ] """;
    private readonly DirectorHa _ha = new();

    public void Dispose() => _ha.Dispose();

    [Fact]
    public void A_sync_group_moves_as_one()
    {
        Start([200, 200], [100, 100], Sync);
        DirectorHa.WaitFor(_ha.First, "active", "active");
        DirectorHa.WaitFor(_ha.Second, "backup", "backup");
        Assert.Contains("all", _ha.First.Fwdctl("vrrp list").Output, StringComparison.Ordinal);
        Assert.Equal("all", DirectorHa.View(_ha.First, "b").SyncGroup);

        // What is asked of a member is asked of all.
        Assert.Equal(0, _ha.First.Fwdctl("vrrp handover a --for 60").ExitCode);
        DirectorHa.WaitFor(_ha.Second, "active", "active");
        DirectorHa.WaitFor(_ha.First, "backup", "backup");
        Assert.True(_ha.IsAt(S1Lab.Vip, DirectorHa.SecondMac) && _ha.IsAt(DirectorHa.OtherVip, DirectorHa.SecondMac));
        Assert.Equal(0, _ha.First.Fwdctl("vrrp release b").ExitCode);
        DirectorHa.WaitFor(_ha.First, "active", "active");
        DirectorHa.WaitFor(_ha.Second, "backup", "backup");
        Assert.Equal(0, _ha.First.Fwdctl("vrrp backup b --for 60").ExitCode);
        DirectorHa.WaitFor(_ha.Second, "active", "active");

        // A fault of the other router takes all of it, too.
        _ha.Second.KillControl();
        Thread.Sleep(1_000);
        Assert.Equal(["backup", "backup"], DirectorHa.States(_ha.First));   // for a minute
        Assert.Equal(0, _ha.First.Fwdctl("vrrp release a").ExitCode);
        DirectorHa.WaitFor(_ha.First, "active", "active");
        Assert.True(_ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac) && _ha.IsAt(DirectorHa.OtherVip, DirectorHa.FirstMac));
    }

    [Fact]
    public void Two_groups_share_the_load_and_one_director_takes_all_when_the_other_is_gone()
    {
        Start([200, 100], [150, 200]);
        DirectorHa.WaitFor(_ha.First, "active", "backup");
        DirectorHa.WaitFor(_ha.Second, "backup", "active");
        Assert.True(_ha.IsAt(S1Lab.Vip, DirectorHa.FirstMac) && _ha.IsAt(DirectorHa.OtherVip, DirectorHa.SecondMac));
        _ha.First.KillControl();
        DirectorHa.WaitFor(_ha.Second, "active", "active");
        Assert.True(_ha.IsAt(S1Lab.Vip, DirectorHa.SecondMac) && _ha.IsAt(DirectorHa.OtherVip, DirectorHa.SecondMac));
        _ha.First.Start();
        DirectorHa.WaitFor(_ha.First, "active", "backup");
        DirectorHa.WaitFor(_ha.Second, "backup", "active");
    }

    private void Start(int[] first, int[] second, string more = "")
    {
        _ha.Configure(Groups(first), Groups(second), more);
        _ha.First.Start();
        _ha.Second.Start();
    }

    private static string[] Groups(int[] priorities) => [DirectorHa.Group("a", 51, priorities[0], S1Lab.Vip), DirectorHa.Group("b", 52, priorities[1], DirectorHa.OtherVip)];
}
