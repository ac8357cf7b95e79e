using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>
/// A director and a classic LVS director (keepalived with the kernel's IPVS) are the two halves of a pair: the VIP moves
/// both ways under load. Flows are not shared between the two kinds, so a connection that is open while the VIP moves may break.
/// </summary>
public sealed class DirectorAndLvsTests : IDisposable
{
    private const int IntervalCs = 10, OurPriority = 200, UdpPort = 5353, Clients = 4, SlackMs = 100, OverlapMs = 100, ArpEveryMs = 10, RequestsPerPhase = 300, SettleMs = 200;
    private const string OurMac = S1Lab.DirectorMac, LvsMac = LvsHost.Mac;
    private readonly ITestOutputHelper _output;
    private readonly S1Lab _lab = new();
    private readonly List<IDisposable> _running = [];
    private readonly LvsHost _lvs;

    public DirectorAndLvsTests(ITestOutputHelper output)
    {
        _output = output;
        try
        {
            _lvs = new LvsHost(_lab);
            _running.Add(_lvs);
            _running.AddRange(_lab.RealServers.Select(s => new Transfer(s.Netns, UdpPort, S1Lab.Vip)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _running.ForEach(r => r.Dispose());
        _lab.Dispose();
    }

    [Fact]
    public void Planned_moves_break_no_more_than_the_connections_that_are_open_in_that_moment()
    {
        Start(lvsPriority: 100);
        using Capture arp = ArpAnswers(), web = new(_lab.Client, "e0", "tcp port 80", _lab.Folder);
        using Jitter jitter = new();
        using ArpProbe probe = new(_lab.Client, S1Lab.Vip, ArpEveryMs);
        using HttpLoad load = new(_lab.Client, S1Lab.Vip, Clients, phase: "director at start");
        load.WaitFor(RequestsPerPhase);
        Move(load, "to LVS by 'vrrp backup'", () => Fwdctl($"vrrp backup {DirectorPair.Group} --for 60"), LvsMac);
        Move(load, "to the director by 'vrrp release'", () => Fwdctl($"vrrp release {DirectorPair.Group}"), OurMac);
        Move(load, "to LVS by a stop of control", () => Shell.Run($"kill -TERM {_lab.Director.ControlPid}"), LvsMac);
        Move(load, "to the director by its start", () => _lab.Director.Start(), OurMac);
        IReadOnlyList<LoadPhase> phases = load.Stop();
        AssertOneOwnerAfterAnother(arp, OverlapMs + jitter.ExcusedMs, OurMac, LvsMac, OurMac, LvsMac, OurMac);
        AssertOnlyOpenConnectionsFailed(phases, web);
    }

    [Theory]
    [InlineData(100)]   // ours is active and dies
    [InlineData(250)]   // LVS is active and dies
    public void After_a_crash_the_other_takes_over_within_Master_Down_Interval(int lvsPriority)
    {
        Start(lvsPriority);
        bool ours = lvsPriority < OurPriority;
        using Capture arp = ArpAnswers();
        using ArpProbe probe = new(_lab.Client, S1Lab.Vip, ArpEveryMs);
        using Heartbeat heartbeat = new(_lab.Client, S1Lab.Vip, UdpPort);
        using HttpLoad load = new(_lab.Client, S1Lab.Vip, Clients);
        load.WaitFor(RequestsPerPhase);
        heartbeat.WaitFor(50);
        if (ours)
        {
            Shell.Run($"kill -KILL {_lab.Director.ControlPid} {_lab.Director.DataplanePid}");
        }
        else
        {
            _lvs.Kill();
        }

        WaitForOwner(ours ? LvsMac : OurMac);
        load.WaitFor(RequestsPerPhase);
        heartbeat.WaitFor(50);
        double outMs = heartbeat.Stop(), masterDownMs = IntervalCs * 10 * (3 + ((256 - (ours ? lvsPriority : OurPriority)) / 256.0));
        _output.WriteLine($"out for {outMs:0} ms, Master_Down_Interval {masterDownMs:0} ms, {load.Stop().Sum(p => p.Failed)} of {load.Requests} requests failed");
        Assert.InRange(outMs, 2.0 * IntervalCs * 10, masterDownMs + SlackMs);
        AssertOneOwnerAfterAnother(arp, overlapMs: 0, ours ? [OurMac, LvsMac] : [LvsMac, OurMac]);
    }

    private void Start(int lvsPriority)
    {
        _lvs.Start(lvsPriority, IntervalCs, UdpPort);
        Wait.Until(() => _lvs.HasVip, "LVS is alone and has the VIP", 15_000);
        _lab.Director.Configuration = $$"""
            {
              "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
              "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}" ] } ],
              "vrrp": [ { "name": "{{DirectorPair.Group}}", "interface": "lan0", "vrid": 51, "priority": {{OurPriority}}, "intervalCs": {{IntervalCs}}, "addresses": [ "{{S1Lab.Vip}}" ] } ],
              "services": [ { "protocol": "tcp", "address": "{{S1Lab.Vip}}", "port": 80, "scheduler": "wlc", "servers": [ { "address": "172.16.58.7" }, { "address": "172.16.58.8" } ] },
                            { "protocol": "udp", "address": "{{S1Lab.Vip}}", "port": {{UdpPort}}, "scheduler": "wlc", "servers": [ { "address": "172.16.58.7" }, { "address": "172.16.58.8" } ] } ]
            }
            """;
        _lab.Director.Start();
        WaitForOwner(lvsPriority < OurPriority ? OurMac : LvsMac);
        Wait.Until(() => _lvs.HasVip == lvsPriority > OurPriority, "the other has given the VIP up");
        Thread.Sleep(SettleMs);
    }

    private void Move(HttpLoad load, string phase, Action order, string newOwner)
    {
        load.Enter(phase);
        order();
        WaitForOwner(newOwner);
        load.WaitFor(RequestsPerPhase);
    }

    private void Fwdctl(string arguments)
    {
        CommandResult result = _lab.Director.Fwdctl(arguments);
        Assert.True(result.ExitCode == 0, result.Errors + result.Output);
    }

    private void WaitForOwner(string mac)
    {
        Wait.Until(
            () => Shell.Try(["ip", "netns", "exec", _lab.Client.Name, "ping", "-c1", "-W1", S1Lab.Vip]).ExitCode == 0
                && _lab.Client.Ip($"neigh show {S1Lab.Vip} dev e0").Contains(mac, StringComparison.Ordinal),
            $"the client reaches the VIP at {mac}", 20_000);
    }

    /// <summary>Everybody who says on the LAN that the VIP is his: answers to the probe and announcements.</summary>
    private Capture ArpAnswers() => new(_lab.Client, "e0", $"arp and src host {S1Lab.Vip}", _lab.Folder);

    /// <summary>
    /// The director is silent from the moment in which LVS has claimed the VIP. The other way round the director preempts, and
    /// keepalived goes on until it has read the advertisement: that long both answer, as with any two VRRP routers.
    /// </summary>
    private void AssertOneOwnerAfterAnother(Capture capture, double overlapMs, params string[] expected)
    {
        IReadOnlyList<(long TimeUs, byte[] Frame)> claims = capture.StopTimed();
        List<string> owners = [];
        List<long> fromUs = [];
        foreach ((long timeUs, byte[] frame) in claims)
        {
            string mac = Pcap.Source(frame);
            Assert.Contains(mac, (string[])[OurMac, LvsMac]);
            bool late = mac == LvsMac && fromUs.Count > 1 && timeUs - fromUs[^1] < overlapMs * 1_000;
            if ((owners.Count == 0 || owners[^1] != mac) && !late)
            {
                owners.Add(mac);
                fromUs.Add(timeUs);
            }
        }

        long start = fromUs[0];
        _output.WriteLine($"{claims.Count} claims; " + string.Join(", ", owners.Zip(fromUs, (o, t) => $"{(o == OurMac ? "director" : "LVS")} from {(t - start) / 1_000} ms")));
        Assert.Equal(expected, owners);
    }

    /// <summary>Packets of each connection that failed had been sent to both: it was open while the VIP moved.</summary>
    private void AssertOnlyOpenConnectionsFailed(IReadOnlyList<LoadPhase> phases, Capture capture)
    {
        const int TcpFlagsOffset = 47, Rst = 4;
        List<byte[]> frames = [.. capture.Stop()];
        ILookup<int, string> directors = frames.Where(f => Pcap.Destination(f) is OurMac or LvsMac).ToLookup(Pcap.TcpSourcePort, Pcap.Destination);
        Dictionary<int, string> resets = frames.Where(f => (f[TcpFlagsOffset] & Rst) != 0 && Pcap.TcpSourcePort(f) == 80)
            .GroupBy(Pcap.TcpDestinationPort).ToDictionary(g => g.Key, g => Pcap.Source(g.First()));
        foreach (LoadPhase phase in phases)
        {
            string by = string.Join(", ", phase.FailedPorts.GroupBy(p => resets.GetValueOrDefault(p, "nobody") == LvsMac ? "LVS" : "a real server").Select(g => $"{g.Count()} reset by {g.Key}"));
            _output.WriteLine($"{phase.Name}: {phase.Requests} requests, {phase.Failed} failed ({by}), longest {phase.LongestMs:0} ms");
        }

        Assert.All(phases.SelectMany(p => p.FailedPorts), port => Assert.Equal(2, directors[port].Distinct().Count()));
        Assert.All(phases, p => Assert.InRange(p.Failed, 0, Clients));
    }
}
