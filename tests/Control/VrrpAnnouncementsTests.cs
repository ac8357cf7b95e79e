using Forwarder.Vrrp;

namespace Forwarder.Control.Tests;

/// <summary>The order and pace of gratuitous ARP and unsolicited NA.</summary>
public sealed class VrrpAnnouncementsTests
{
    private readonly List<string> _sent = [];
    private readonly VrrpAnnouncements _announcements;

    private readonly HashSet<int> _unowned = [];

    public VrrpAnnouncementsTests() => _announcements = new VrrpAnnouncements((member, address) => _sent.Add($"{member.Id} {address}"), id => !_unowned.Contains(id));

    /// <summary>Its advertisement has still to leave; others do not wait for it.</summary>
    [Fact]
    public void WhatIsNotOwnedYetWaitsAlone()
    {
        _unowned.Add(1);
        _announcements.Add(Member(1, "10.0.0.1"), Active(), 2);
        _announcements.Add(Member(2, "10.0.0.2"), Active(), 2);
        _announcements.SendDue(0);
        Assert.Equal(["2 10.0.0.2", "2 10.0.0.2"], _sent);
        _unowned.Clear();
        _announcements.SendDue(_announcements.NextDueNs);
        Assert.Equal(["1 10.0.0.1", "1 10.0.0.1"], _sent.Skip(2));
        Assert.Equal(VrrpTimers.Never, _announcements.NextDueNs);
    }

    [Fact]
    public void EachAddressIsAnnouncedOnceBeforeAnyIsAgain()
    {
        _announcements.Add(Member(1, "10.0.0.1", "10.0.0.2"), Active(), 2);
        _announcements.Add(Member(2, "10.0.0.3"), Active(), 3);
        _announcements.SendDue(0);
        Assert.Equal(["1 10.0.0.1", "1 10.0.0.2", "2 10.0.0.3", "1 10.0.0.1", "1 10.0.0.2", "2 10.0.0.3", "2 10.0.0.3"], _sent);
        Assert.Equal(VrrpTimers.Never, _announcements.NextDueNs);
    }

    [Fact]
    public void ManyGoOutInSlices()
    {
        const int Groups = 255, Count = 5;
        for (int id = 1; id <= Groups; id++)
        {
            _announcements.Add(Member(id, $"10.0.0.{id}"), Active(), Count);
        }

        long nowNs = 7;
        for (int slice = 1; _announcements.NextDueNs != VrrpTimers.Never; slice++)
        {
            nowNs = slice == 1 ? nowNs : _announcements.NextDueNs;
            _announcements.SendDue(nowNs);
            _announcements.SendDue(nowNs + VrrpAnnouncements.SliceNs - 1);  // not yet
            Assert.Equal(Math.Min(slice * VrrpAnnouncements.SliceFrames, Groups * Count), _sent.Count);
        }

        Assert.Equal(Groups, _sent.Take(Groups).Distinct().Count());
        Assert.All(_sent.GroupBy(s => s), s => Assert.Equal(Count, s.Count()));
        Assert.Equal(7 + (((Groups * Count) - 1) / VrrpAnnouncements.SliceFrames * VrrpAnnouncements.SliceNs), nowNs);
    }

    [Fact]
    public void WhatIsNotActiveAnyMoreAnnouncesNothing()
    {
        VrrpInstance resigned = Active();
        string[] addresses = [.. Enumerable.Range(1, 100).Select(n => $"10.0.0.{n}")];
        _announcements.Add(Member(1, addresses), resigned, 1);
        _announcements.Add(Member(2, "10.0.1.1"), Active(), 1);
        _announcements.SendDue(0);
        Assert.Equal(VrrpAnnouncements.SliceFrames, _sent.Count);
        resigned.Handle(VrrpEvent.Shutdown, 0, []);
        _announcements.SendDue(_announcements.NextDueNs);
        Assert.Equal(["2 10.0.1.1"], _sent.Skip(VrrpAnnouncements.SliceFrames));
    }

    private static VrrpConfig Config(string[] addresses) => new() { Vrid = 1, Priority = 255, PrimaryAddress = VrrpAddress.Parse(addresses[0]), Addresses = [.. addresses.Select(VrrpAddress.Parse)] };

    private static VrrpMember Member(int id, params string[] addresses) => new(id, id, Config(addresses), [], null!);

    private static VrrpInstance Active()
    {
        VrrpInstance owner = new(Config(["10.9.9.9"]));
        owner.Handle(VrrpEvent.Startup, 0, []);
        Assert.Equal(VrrpState.Active, owner.State);
        return owner;
    }
}
