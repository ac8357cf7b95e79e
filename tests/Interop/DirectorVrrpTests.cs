using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Two directors share a VIP: whole processes, real clients and servers.</summary>
public sealed class DirectorVrrpTests : IDisposable
{
    private const int SlackMs = 100;
    private readonly DirectorPair _pair = new();

    public void Dispose() => _pair.Dispose();

    [Fact]
    public void A_planned_handover_costs_no_request()
    {
        _pair.Start();
        using HttpLoad load = new(_pair.Lab.Client, S1Lab.Vip, clients: 4);
        load.WaitFor(500);
        Assert.Equal(0, _pair.First.Fwdctl($"vrrp handover {DirectorPair.Group} --for 3").ExitCode);
        DirectorPair.WaitFor(_pair.Second, "active");
        DirectorPair.WaitFor(_pair.First, "backup");
        load.WaitFor(load.Requests + 500);
        DirectorPair.WaitFor(_pair.First, "active", 15_000);   // after three seconds it preempts
        load.WaitFor(load.Requests + 500);
        Assert.Equal([], load.Stop().SelectMany(p => p.Failures));
    }

    [Fact]
    public void An_orderly_stop_of_control_hands_over()
    {
        _pair.Start();
        Shell.Run($"kill -TERM {_pair.First.ControlPid}");
        DirectorPair.WaitFor(_pair.Second, "active", (int)DirectorPair.MasterDownMs + 2_000);
        Assert.True(DirectorPair.View(_pair.Second).Owned);
        Assert.True(DirectorPair.View(_pair.Second).Counters["priorityZeroReceived"] > 0);
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public void When_control_dies_or_hangs_the_vip_moves_and_is_never_claimed_twice(string signal)
    {
        _pair.Start();
        using Capture first = Claims("p-dir", DirectorPair.FirstMac), second = Claims("p-dir2", DirectorPair.SecondMac);
        using HttpLoad load = new(_pair.Lab.Client, S1Lab.Vip, clients: 4);
        load.WaitFor(500);
        Shell.Run($"kill -{signal} {_pair.First.ControlPid}");
        DirectorPair.WaitFor(_pair.Second, "active");
        load.WaitFor(load.Requests + 500);
        load.Stop();
        if (signal == "STOP")
        {
            Shell.Run($"kill -CONT {_pair.First.ControlPid}");
            DirectorPair.WaitFor(_pair.First, "active");        // it preempts again, in order
        }

        List<long> ofFirst = [.. first.StopTimed().Select(f => f.TimeUs)], ofSecond = [.. second.StopTimed().Select(f => f.TimeUs)];
        long from = ofSecond[0], last = ofFirst.Where(t => t < from).Max();
        Assert.True(ofFirst.Count > 100 && ofSecond.Count > 100, $"{ofFirst.Count} and {ofSecond.Count} frames");
        double gapMs = (from - last) / 1000.0;
        Assert.InRange(gapMs, 0, DirectorPair.MasterDownMs + SlackMs);
        long untilSecond = ofSecond[^1];
        Assert.Equal(0, ofFirst.Count(t => t > from && t < untilSecond - (signal == "STOP" ? 1_000_000 : 0)));
    }

    [Fact]
    public void When_the_dataplane_dies_the_other_director_takes_over()
    {
        _pair.Start();
        _pair.First.KillDataplane();
        DirectorPair.WaitFor(_pair.Second, "active");
        DirectorPair.WaitFor(_pair.First, "active", 20_000);    // it is started again and preempts
        DirectorPair.WaitFor(_pair.Second, "backup");
    }

    [Fact]
    public void A_director_whose_port_has_no_link_takes_no_part()
    {
        _pair.Start();
        _pair.Lab.Switch.Ip("link set p-dir down");
        DirectorPair.WaitFor(_pair.First, "initialize");
        Assert.False(DirectorPair.View(_pair.First).Owned);
        DirectorPair.WaitFor(_pair.Second, "active");
        _pair.Lab.Switch.Ip("link set p-dir up");
        DirectorPair.WaitFor(_pair.First, "active");
        DirectorPair.WaitFor(_pair.Second, "backup");
    }

    [Fact]
    public void A_backup_is_silent_and_counts()
    {
        _pair.Start();
        Assert.False(DirectorPair.View(_pair.Second).Owned);
        _pair.Lab.Client.Ip($"neigh replace {S1Lab.Vip} lladdr {DirectorPair.SecondMac} dev e0 nud permanent");   // a neighbour with an old entry
        using (HttpLoad load = new(_pair.Lab.Client, S1Lab.Vip, clients: 1, requests: 1))
        {
            Assert.Equal(1, load.Join().Sum(p => p.Failed));
        }

        Assert.True(_pair.Second.Api.Get("v1/counters", ApiJson.Default.CountersView).Drops["vipNotOwned"] > 0);
        Assert.Contains("backup", _pair.Second.Fwdctl("vrrp list").Output, StringComparison.Ordinal);
        Assert.Contains("Master_Down_Interval 360.938 ms", _pair.Second.Fwdctl($"vrrp show {DirectorPair.Group}").Output, StringComparison.Ordinal);
    }

    /// <summary>What a director sends that only the VIP's owner may: forwarded requests, ARP answers and announcements for the VIP.</summary>
    private Capture Claims(string port, string mac) =>
        new(_pair.Lab.Switch, port, $"ether src {mac} and (dst host {S1Lab.Vip} and tcp or arp src host {S1Lab.Vip})", _pair.Lab.Folder);
}
