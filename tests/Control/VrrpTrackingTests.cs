using System.Net;
using Forwarder.Abi;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control.Tests;

/// <summary>What is tracked, from the region, the kernel and real programs, and what it does to a group's priority.</summary>
public sealed class VrrpTrackingTests : IDisposable
{
    private static readonly VrrpGroupSettings s_web = new() { Name = "web", Interface = "lan0", Vrid = 51, Priority = 200, Addresses = ["172.16.58.1"] };

    private readonly Region _region = Region.CreatePrivate(new RegionLayout(2, 1 << 20));
    private readonly SnapshotCompiler _compiler = new();
    private readonly VrrpTracking _tracking;
    private readonly string _folder = Directory.CreateTempSubdirectory("tracking").FullName;
    private VrrpGroupModel _group = null!;
    private long _nowMs = 1_000_000;

    public VrrpTrackingTests() => _tracking = new VrrpTracking(_compiler);

    public void Dispose()
    {
        _tracking.Dispose();
        _region.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void ALinkThatIsDownCountsByItsWeight()
    {
        Track(new VrrpTrackSettings { Name = "up", Kind = "link", Interface = "lan1", Weight = -30 });
        _region.Port(1).LinkUp = 1;
        Assert.Equal((200, false), Look());
        _region.Port(1).LinkUp = 0;
        Assert.Equal((170, false), Look());
        Track(new VrrpTrackSettings { Name = "up", Kind = "link", Interface = "lan1" });
        Assert.Equal((200, true), Look());
    }

    /// <summary>The decrements of routers' labs: "track interface ... reduced 35" and so on.</summary>
    [Theory]
    [InlineData(150, 35, 115)]
    [InlineData(250, 100, 150)]
    [InlineData(120, 30, 90)]
    public void AnInterfaceThatIsDownDecrementsThePriority(byte priority, int decrement, int expected)
    {
        Track(new VrrpTrackSettings { Name = "up", Kind = "link", Interface = "lan1", Weight = -decrement });
        _region.Port(1).LinkUp = 0;
        Look();
        Assert.Equal(expected, _tracking.Tracker(_group.Tracks).PriorityFor(priority));
    }

    [Fact]
    public void AUseHasItsOwnWeightAndDirection()
    {
        Track(new VrrpTrackSettings { Name = "up", Kind = "link", Interface = "lan1", Weight = -30 }, new VrrpTrackUse { Name = "up", Weight = 20, Reverse = true });
        _region.Port(1).LinkUp = 1;
        Assert.Equal((180, false), Look());
    }

    /// <summary>Unknown is up: a neighbour that was never asked says nothing.</summary>
    [Fact]
    public void ANeighbourIsDownWhenItDoesNotAnswer()
    {
        Track(new VrrpTrackSettings { Name = "gw", Kind = "neighbour", Interface = "lan1", Address = "10.1.0.254" });
        Assert.True(_compiler.NextHops.TryFind((1, IPAddress.Parse("10.1.0.254")), out int slot));
        foreach ((NeighbourState state, bool fault) in new[] { (NeighbourState.None, false), (NeighbourState.Incomplete, false), (NeighbourState.Reachable, false), (NeighbourState.Stale, false), (NeighbourState.Failed, true) })
        {
            _region.Neighbours[slot] = NeighbourWord.Pack(1, state, 1);
            Assert.Equal((200, fault), Look());
        }
    }

    [Theory]
    [InlineData(2, 1, 1, false)]
    [InlineData(2, 1, 0, true)]     // weight 0 does not count
    [InlineData(3, 1, 1, true)]
    public void AQuorumCountsServersWithAWeight(int quorum, int first, int second, bool fault)
    {
        VirtualService service = new() { Protocol = "tcp", Address = "172.16.58.1", Port = 80, Servers = [new RealServer { Address = "172.16.58.7", Weight = first }, new RealServer { Address = "172.16.58.8", Weight = second }] };
        Track(new VrrpTrackSettings { Name = "pool", Kind = "quorum", Service = "tcp:172.16.58.1:80", Quorum = quorum }, services: [service]);
        Assert.Equal((200, fault), Look());
    }

    [Fact]
    public void AServiceThatIsNotThereHasNoServer()
    {
        Track(new VrrpTrackSettings { Name = "pool", Kind = "quorum", Service = "tcp:172.16.58.1:80", Quorum = 1 });
        Assert.Equal((200, true), Look());
    }

    [Theory]
    [InlineData("0.0.0.0/0", true)]
    [InlineData("192.0.2.0/24", true)]
    [InlineData("192.0.2.0/25", false)]
    [InlineData("198.51.100.0/24", false)]  // rejecting
    [InlineData("fd00::/64", true)]
    [InlineData("::/0", true)]
    [InlineData("fd00::2/128", false)]      // the host's own
    public void ARouteIsInTheKernelsTable(string destination, bool there)
    {
        string v4 = Path.Combine(_folder, "route"), v6 = Path.Combine(_folder, "ipv6_route");
        File.WriteAllText(v4, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n*\t006433C6\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
        File.WriteAllText(v6, "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000003 00000000 00000003     eth0\nfd000000000000000000000000000002 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000004 00000000 80200001     eth0\n");
        KernelRoutes routes = new(v4, v6);
        Assert.Equal(there, routes.Has(IPNetwork.Parse(destination), 0));
        File.WriteAllText(v4, "Iface\n");
        File.WriteAllText(v6, "");
        Assert.Equal(there, routes.Has(IPNetwork.Parse(destination), 999));
        Assert.False(routes.Has(IPNetwork.Parse(destination), 1_000));
        Assert.False(new KernelRoutes(v4, Path.Combine(_folder, "none")).Has(IPNetwork.Parse(destination), 0));
    }

    [Fact]
    public void TheBusiestWorkerCounts()
    {
        Track(new VrrpTrackSettings { Name = "busy", Kind = "busy", BusyPercent = 90, WindowMs = 2_000, Weight = -50 });
        Assert.Equal((200, false), Look());
        Turn(0, 1_000, 1_000);
        Turn(1, 1_000, 101);        // 89.9 % busy
        Assert.Equal((200, false), Look(500));
        Turn(1, 1_000, 90);
        Assert.Equal((150, false), Look(500));
        Turn(0, 10_000, 10_000);
        Turn(1, 10_000, 10_000);
        Assert.Equal((150, false), Look(400));  // no sample is due
        Assert.Equal((200, false), Look(100));

        void Turn(int worker, ulong turns, ulong idle)
        {
            _region.Worker(worker).Counters.Turns += turns;
            _region.Worker(worker).Counters.IdleTurns += idle;
        }
    }

    [Fact]
    public async Task AProgramGoesDownAfterItsFailuresAndUpAfterItsSuccesses()
    {
        string file = Path.Combine(_folder, "good"), runs = Path.Combine(_folder, "runs");
        File.WriteAllText(file, "");
        Track(new VrrpTrackSettings { Name = "check", Kind = "program", Command = ["/bin/sh", "-c", $"echo >> {runs}; test -e {file}"], IntervalMs = 100, TimeoutMs = 5_000, Fall = 2, Rise = 3, Weight = 20 });
        await Until(() => Runs() >= 2);
        Assert.Equal((220, false), Look());
        File.Delete(file);
        await Until(() => Look() == (200, false));
        int down = Runs();
        File.WriteAllText(file, "");
        await Until(() => Look() == (220, false));
        Assert.True(Runs() - down >= 3, $"up after {Runs() - down} runs");
        Assert.Equal("exit code 0", Assert.Single(_tracking.Views(_group.Tracks)).Detail);

        int Runs() => File.Exists(runs) ? File.ReadAllLines(runs).Length : 0;
    }

    [Theory]
    [InlineData("sleep 60", "killed after 150 ms")]
    [InlineData("exit 3", "exit code 3")]
    [InlineData("kill -9 $$", "exit code 137")]
    public async Task AProgramThatFailsOrHangsIsDown(string script, string detail)
    {
        Track(new VrrpTrackSettings { Name = "check", Kind = "program", Command = ["/bin/sh", "-c", script], IntervalMs = 100, TimeoutMs = 150 });
        await Until(() => Look() == (200, true));
        Assert.Equal(detail, Assert.Single(_tracking.Views(_group.Tracks)).Detail);
    }

    [Fact]
    public async Task AProgramThatIsNotThereIsDownAndInitFailBeginsDown()
    {
        Track(new VrrpTrackSettings { Name = "check", Kind = "program", Command = ["/nowhere/check"], Weight = -10 });
        await Until(() => Look() == (190, false));
        Assert.Equal("exit code 127", Assert.Single(_tracking.Views(_group.Tracks)).Detail);
        Track(new VrrpTrackSettings { Name = "slow", Kind = "program", Command = ["/bin/sleep", "60"], TimeoutMs = 60_000, InitFail = true });
        Assert.Equal((200, true), Look());
    }

    /// <summary>The program that was stopped does not go on.</summary>
    [Fact]
    public async Task AProgramThatIsNotTrackedAnyMoreDoesNotRun()
    {
        string runs = Path.Combine(_folder, "runs");
        Track(new VrrpTrackSettings { Name = "check", Kind = "program", Command = ["/bin/sh", "-c", $"echo >> {runs}"], IntervalMs = 100 });
        await Until(() => File.Exists(runs));
        Track();
        await Task.Delay(300);
        long after = new FileInfo(runs).Length;
        await Task.Delay(500);
        Assert.Equal(after, new FileInfo(runs).Length);
    }

    [Fact]
    public void SeveralAddUpWithinOneAnd254()
    {
        DesiredState state = State(s_web with { Track = [new VrrpTrackUse { Name = "a" }, new VrrpTrackUse { Name = "b" }] },
            new VrrpTrackSettings { Name = "a", Kind = "link", Interface = "lan0", Weight = -150 }, new VrrpTrackSettings { Name = "b", Kind = "link", Interface = "lan1", Weight = -150 });
        Take(state);
        _region.Port(0).LinkUp = 1;
        Assert.Equal((50, false), Look());
        _region.Port(0).LinkUp = 0;
        Assert.Equal((1, false), Look());
        Assert.Equal([-150, -150], _tracking.Views(_group.Tracks).Select(t => t.Offset));
    }

    [Fact]
    public void WhatAMemberOfASyncGroupTracksCountsForAll()
    {
        DesiredState state = State(s_web with { Track = [new VrrpTrackUse { Name = "a" }] },
            new VrrpTrackSettings { Name = "a", Kind = "link", Interface = "lan0" }, new VrrpTrackSettings { Name = "b", Kind = "link", Interface = "lan1" }) with
        {
            VrrpSyncGroups = [new VrrpSyncGroupSettings { Name = "all", Groups = ["web", "other"], Track = [new VrrpTrackUse { Name = "b" }] }],
        };
        state = state with { Vrrp = [.. state.Vrrp, s_web with { Name = "other", Vrid = 52, Addresses = ["172.16.58.9"], Priority = 100 }] };
        DirectorModel model = ModelBuilder.Build(state, new CheckedServices());
        Assert.All(model.VrrpGroups, g => Assert.Equal(["a", "b"], g.Tracks.Select(t => t.Track.Name).Order()));
    }

    private static DesiredState State(VrrpGroupSettings group, params VrrpTrackSettings[] tracks) => new()
    {
        Dataplane = new DataplaneSettings { WorkerCpus = [0], Ports = [new PortSettings { Name = "lan0", Device = "net_null0", Exception = "fwd0" }, new PortSettings { Name = "lan1", Device = "net_null1" }] },
        Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16"] }, new InterfaceSettings { Name = "lan1", Port = "lan1", Addresses = ["10.1.0.2/24"] }],
        Vrrp = [group], VrrpTracks = tracks,
    };

    private void Track(VrrpTrackSettings track, VrrpTrackUse? use = null, IReadOnlyList<VirtualService>? services = null) =>
        Take(State(s_web with { Track = [use ?? new VrrpTrackUse { Name = track.Name }] }, track) with { Services = services ?? [] });

    private void Track() => Take(State(s_web));

    private void Take(DesiredState state)
    {
        DirectorModel model = ModelBuilder.Build(state, new CheckedServices());
        _compiler.Compile(model);
        _group = model.VrrpGroups[0];
        _tracking.Take(model);
        _tracking.Look(_region, _nowMs);
    }

    private (int Priority, bool Fault) Look(int afterMs = 0)
    {
        _nowMs += afterMs;
        _tracking.Look(_region, _nowMs);
        VrrpTracker tracker = _tracking.Tracker(_group.Tracks);
        return (tracker.PriorityFor((byte)s_web.Priority), tracker.IsFault);
    }

    private static async Task Until(Func<bool> condition)
    {
        for (int i = 0; i < 500 && !condition(); i++)
        {
            await Task.Delay(20);
        }

        Assert.True(condition());
    }
}
