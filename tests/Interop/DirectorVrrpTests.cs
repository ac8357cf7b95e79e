using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Two directors share a VIP: whole processes, real clients and servers.</summary>
public sealed class DirectorVrrpTests : IDisposable
{
    private const int SlackMs = 100, PreemptionMs = 20;
    private const string WorkerThread = "worker";
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
        load.WaitFor(500);
        DirectorPair.WaitFor(_pair.First, "active", 15_000);   // after three seconds it preempts
        load.WaitFor(500);
        Assert.Equal([], load.Stop().SelectMany(p => p.Failures));
    }

    /// <summary>A lower priority lets the other preempt, a higher one takes the VIP back: nobody resigns, and at no time is it nobody's.</summary>
    [Fact]
    public void A_changed_priority_moves_the_vip_and_costs_no_request()
    {
        _pair.Start();
        using HttpLoad load = new(_pair.Lab.Client, S1Lab.Vip, clients: 4);
        load.WaitFor(500);
        ChangePriority(200, 50);
        DirectorPair.WaitFor(_pair.First, "backup");
        Assert.Equal((50, false), (DirectorPair.View(_pair.First).Priority, DirectorPair.View(_pair.First).Owned));
        load.WaitFor(500);
        ChangePriority(50, 200);
        DirectorPair.WaitFor(_pair.First, "active");
        load.WaitFor(500);
        Assert.Equal([], load.Stop().SelectMany(p => p.Failures));
        Assert.Equal((2, 0), (DirectorPair.View(_pair.First).Counters["activeTransitions"], DirectorPair.View(_pair.First).Counters["priorityZeroSent"]));
        Assert.Contains($"VRRP group {DirectorPair.Group} is backup: higher priority.", _pair.First.Logs, StringComparison.Ordinal);

        void ChangePriority(int from, int to)
        {
            string file = Path.Combine(_pair.Lab.Folder, "priority.json");
            string before = _pair.First.Fwdctl("config get").Output;
            File.WriteAllText(file, before.Replace($"\"priority\": {from}", $"\"priority\": {to}", StringComparison.Ordinal));
            Assert.Equal(0, _pair.First.Fwdctl($"config apply {file}").ExitCode);
        }
    }

    /// <summary>The dataplane starts anew with its changed settings; the group resigns before that, so that the other waits for its skew alone.</summary>
    [Fact]
    public void Changed_settings_of_the_dataplane_hand_over_before_it_stops()
    {
        _pair.Start();
        string file = Path.Combine(_pair.Lab.Folder, "flows.json"), before = _pair.First.Fwdctl("config get").Output;
        File.WriteAllText(file, before.Replace("\"flowsPerWorker\": 65536", "\"flowsPerWorker\": 131072", StringComparison.Ordinal));
        int pid = _pair.First.DataplanePid;
        Assert.Equal(0, _pair.First.Fwdctl($"config apply {file}").ExitCode);
        DirectorPair.WaitFor(_pair.First, "active", 20_000);   // it preempts again
        Assert.NotEqual(pid, _pair.First.DataplanePid);
        VrrpGroupView second = DirectorPair.View(_pair.Second);
        Assert.Equal((1L, "master resigned"), (second.Counters["activeTransitions"], second.ActiveReason));
    }

    [Fact]
    public void A_handover_that_nobody_takes_up_is_told()
    {
        _pair.First.Start();
        DirectorPair.WaitFor(_pair.First, "active");
        Assert.Equal(0, _pair.First.Fwdctl($"vrrp handover {DirectorPair.Group} --for 3").ExitCode);
        Wait.Until(() => _pair.First.Logs.Contains($"VRRP group {DirectorPair.Group}: no other router has taken over; it stays active.", StringComparison.Ordinal), "it is told");
        Assert.Equal("active", DirectorPair.View(_pair.First).State);
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

    /// <summary>Each millisecond somebody asks who has the VIP, and both directors get a SYN for it, whatever their neighbours believe.</summary>
    [Theory]
    [InlineData("control is killed")]
    [InlineData("control hangs")]
    [InlineData("housekeeping hangs")]
    [InlineData("the worker hangs")]
    public void The_vip_moves_and_is_never_claimed_twice_when(string happens)
    {
        _pair.Start();
        using Capture first = _pair.Lab.Claims("p-dir", DirectorPair.FirstMac), second = _pair.Lab.Claims("p-dir2", DirectorPair.SecondMac);
        using Capture asked = new(_pair.Lab.Switch, "p-dir", $"ether dst {DirectorPair.FirstMac} and dst host {S1Lab.Vip} and tcp", _pair.Lab.Folder);
        using Capture adverts = new(_pair.Lab.Switch, "p-dir", $"ether src {DirectorPair.FirstMac} and ip proto 112", _pair.Lab.Folder);
        using ArpProbe arp = new(_pair.Lab.Client, S1Lab.Vip, everyMs: 1);
        using Jitter jitter = new();
        using SynProbe toFirst = new(_pair.Lab.Client, DirectorPair.FirstMac, everyMs: 1), toSecond = new(_pair.Lab.Client, DirectorPair.SecondMac, everyMs: 1);
        Thread.Sleep(500);
        Action? goOn = Happens(happens);
        DirectorPair.WaitFor(_pair.Second, "active");
        Thread.Sleep(1_500);
        if (goOn != null)
        {
            goOn();
            DirectorPair.WaitFor(_pair.First, "active");        // it preempts again, in order
            Thread.Sleep(500);
        }

        List<long> ofFirst = Times(first), ofSecond = Times(second), toFirstVip = Times(asked);
        long from = ofSecond[0], last = ofFirst.Where(t => t < from).Max();
        (long returned, long stayed, string said) = Returned(adverts, from);
        Assert.InRange(toFirstVip.Count(t => t > from && t < Math.Min(returned, ofSecond[^1])), 200, int.MaxValue);
        Assert.True(ofFirst.Count(t => t < from) > 200 && ofSecond.Count > 200, $"{ofFirst.Count} and {ofSecond.Count} claims");
        Assert.InRange((from - last) / 1000.0, 0, DirectorPair.MasterDownMs + SlackMs + jitter.ExcusedMs);
        // The first comes back by preemption (its priority 0 before that is no claim): as between any two routers, both answer
        // until the other has read that. Its own advertisement takes the way through the host and leaves a little after the lease has begun.
        long preemptionUs = (long)(1_000 * (PreemptionMs + jitter.ExcusedMs));
        Assert.True(!ofFirst.Any(t => t > from && t < returned - preemptionUs), $"first: {string.Join(' ', ofFirst.Where(t => t > from).Take(50).Select(t => t - from))}; advertisements: {said}");
        Assert.True(!ofSecond.Any(t => t - preemptionUs > stayed), $"second: {string.Join(' ', ofSecond.Where(t => t > stayed).Take(50).Select(t => t - from))}; advertisements: {said}");
        Assert.Equal(goOn != null, returned != long.MaxValue && ofFirst.Any(t => t > returned));

        // What waited in a director that hung comes out at once when it goes on, a resignation last; then it is elected again. On a
        // machine that stops it once more it may lose a lease and resign another time before it stays.
        static (long ReturnedUs, long StayedUs, string Said) Returned(Capture adverts, long afterUs)
        {
            const int Priority = 14 + 20 + 2;   // Ethernet, IPv4, and third byte of the advertisement
            (long TimeUs, byte[] Frame)[] later = [.. adverts.StopTimed().Where(f => f.TimeUs > afterUs)];
            int firstZero = Array.FindIndex(later, f => f.Frame[Priority] == 0), lastZero = Array.FindLastIndex(later, f => f.Frame[Priority] == 0);
            long First(int from) => later.Skip(from).Where(f => f.Frame[Priority] != 0).Select(f => f.TimeUs).FirstOrDefault(long.MaxValue);
            return (First(firstZero + 1), First(lastZero + 1), string.Join(' ', later.Select(f => $"{f.TimeUs - afterUs}:{f.Frame[Priority]}")));
        }

        static List<long> Times(Capture capture) => [.. capture.StopTimed().Select(f => f.TimeUs)];
    }

    /// <summary>The lease ends 7 ms before the peer's Master_Down_Interval. Where the second was active before, the machine had stopped the first for too long: again.</summary>
    [Fact]
    public void At_10_ms_the_vip_is_never_claimed_twice_either()
    {
        const int RunsMax = 5;
        for (int run = 1; run <= RunsMax; run++)
        {
            using DirectorPair pair = new(intervalMs: 10);
            pair.Start();
            using Capture first = pair.Lab.Claims("p-dir", DirectorPair.FirstMac), second = pair.Lab.Claims("p-dir2", DirectorPair.SecondMac);
            using ArpProbe arp = new(pair.Lab.Client, S1Lab.Vip, everyMs: 1);
            using SynProbe toFirst = new(pair.Lab.Client, DirectorPair.FirstMac, everyMs: 1), toSecond = new(pair.Lab.Client, DirectorPair.SecondMac, everyMs: 1);
            Thread.Sleep(300);
            bool wasQuiet = DirectorPair.View(pair.Second).Counters["activeTransitions"] == 0;
            Shell.Run($"kill -KILL {pair.First.ControlPid}");
            DirectorPair.WaitFor(pair.Second, "active");
            Thread.Sleep(300);
            List<long> ofFirst = [.. first.StopTimed().Select(f => f.TimeUs)], ofSecond = [.. second.StopTimed().Select(f => f.TimeUs)];
            if (wasQuiet && DirectorPair.View(pair.Second).Counters["activeTransitions"] == 1)
            {
                Assert.True(ofFirst.Count > 100 && ofSecond.Count > 100, $"{ofFirst.Count} and {ofSecond.Count} claims");
                Assert.Equal([], ofFirst.Where(t => t >= ofSecond[0]).Select(t => t - ofSecond[0]));
                return;
            }
        }

        Assert.Fail($"the second director was active before the crash in each of {RunsMax} runs");
    }

    /// <summary>Lets it happen to the first director; how it ends, if it does.</summary>
    private Action? Happens(string what)
    {
        int control = _pair.First.ControlPid, dataplane = _pair.First.DataplanePid;
        switch (what)
        {
            case "control is killed":
                Shell.Run($"kill -KILL {control}");
                return null;
            case "control hangs":
                Shell.Run($"kill -STOP {control}");
                return () => Shell.Run($"kill -CONT {control}");
            default:
                StoppedThread thread = new(what == "the worker hangs" ? StoppedThread.Find(dataplane, WorkerThread) : dataplane);   // housekeeping is the first thread
                return () =>
                {
                    Assert.Equal("initialize", DirectorPair.View(_pair.First).State);
                    Assert.Contains("takes no part: a worker or housekeeping stands still", _pair.First.Logs, StringComparison.Ordinal);
                    thread.Dispose();
                };
        }
    }

    [Fact]
    public void The_loop_has_real_time_priority_and_keeps_off_the_worker_and_nothing_else_of_control_has()
    {
        const int FieldsBeforePolicy = 38;   // of /proc/PID/task/TID/stat after the name; proc(5), field 41
        _pair.First.Start();
        DirectorPair.WaitFor(_pair.First, "active");
        (string Name, string Policy)[] threads = [.. Directory.GetDirectories($"/proc/{_pair.First.ControlPid}/task")
            .Select(task => (File.ReadAllText($"{task}/comm").Trim(), File.ReadAllText($"{task}/stat").Split(") ")[^1].Split(' ')[FieldsBeforePolicy]))];
        const string Fifo = "1";
        Assert.Equal("vrrp", Assert.Single(threads, t => t.Policy == Fifo).Name);
        int workerCpu = _pair.First.Api.Get("v1/workers", ApiJson.Default.IReadOnlyListWorkerView).Single().Cpu;
        string allowed = File.ReadLines($"{_pair.First.VrrpThread}/status").Single(l => l.StartsWith("Cpus_allowed:", StringComparison.Ordinal)).Split('\t')[1].Split(',')[^1];
        Assert.Equal(0u, (Convert.ToUInt32(allowed, 16) >> workerCpu) & 1);
        Assert.DoesNotContain("without real-time priority", _pair.First.Logs, StringComparison.Ordinal);
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
        Assert.Contains($"VRRP group {DirectorPair.Group} takes no part: the port of its addresses has no link.", _pair.First.Logs, StringComparison.Ordinal);
        Assert.False(DirectorPair.View(_pair.First).Owned);
        DirectorPair.WaitFor(_pair.Second, "active");
        _pair.Lab.Switch.Ip("link set p-dir up");
        DirectorPair.WaitFor(_pair.First, "active");
        DirectorPair.WaitFor(_pair.Second, "backup");
    }

    /// <summary>The wire between them loses VRRP for a while: both claim the VIP, and neighbours believe the one that spoke last.</summary>
    [Fact]
    public void After_a_partition_the_winner_announces_again_and_the_loser_is_silent()
    {
        _pair.Start();
        foreach (string port in (string[])["p-dir", "p-dir2"])
        {
            _pair.Lab.Switch.Run($"nft add table netdev cut-{port}");
            _pair.Lab.Switch.Run($"nft add chain netdev cut-{port} vrrp {{ type filter hook ingress device {port} priority 0; }}");
            _pair.Lab.Switch.Run($"nft add rule netdev cut-{port} vrrp ip protocol 112 drop");
        }

        DirectorPair.WaitFor(_pair.Second, "active");
        Assert.Equal("active", DirectorPair.View(_pair.First).State);
        _pair.Lab.Client.Ip($"neigh replace {S1Lab.Vip} lladdr {DirectorPair.SecondMac} dev e0 nud stale");   // the client has heard the second
        using Capture first = _pair.Lab.Claims("p-dir", DirectorPair.FirstMac), second = _pair.Lab.Claims("p-dir2", DirectorPair.SecondMac);
        _pair.Lab.Switch.Run("nft delete table netdev cut-p-dir");
        _pair.Lab.Switch.Run("nft delete table netdev cut-p-dir2");
        DirectorPair.WaitFor(_pair.Second, "backup");
        Wait.Until(() => _pair.Lab.Client.Ip($"neigh show {S1Lab.Vip} dev e0").Contains(DirectorPair.FirstMac, StringComparison.Ordinal), "the client has learned where the VIP is");
        using (HttpLoad load = new(_pair.Lab.Client, S1Lab.Vip, clients: 1, requests: 10))
        {
            Assert.Equal(0, load.Join().Sum(p => p.Failed));
        }

        IReadOnlyList<(long TimeUs, byte[] Frame)> ofFirst = first.StopTimed();
        List<long> ofSecond = [.. second.StopTimed().Select(f => f.TimeUs)];
        int announced = ofFirst.Count(f => IsGratuitousArp(f.Frame) && (ofSecond.Count == 0 || f.TimeUs > ofSecond[^1]));
        Assert.True(announced > 0, $"{ofFirst.Count} claims of the first, {ofSecond.Count} of the second, none of the first's is an announcement after the second's last");
        Assert.Equal((1L, 1L), (DirectorPair.View(_pair.First).Counters["activeTransitions"], DirectorPair.View(_pair.Second).Counters["activeTransitions"]));
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
        Assert.Contains(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Master_Down_Interval {DirectorPair.MasterDownMs:0.###} ms"), _pair.Second.Fwdctl($"vrrp show {DirectorPair.Group}").Output, StringComparison.Ordinal);
    }

    private static bool IsGratuitousArp(byte[] frame)
    {
        const int EtherType = 12, SenderAddress = 28, TargetAddress = 38, AddressBytes = 4;   // Ethernet, then RFC 826
        return frame.AsSpan(EtherType, 2) is [0x08, 0x06] && Pcap.Destination(frame) == "ff:ff:ff:ff:ff:ff"
            && frame.AsSpan(SenderAddress, AddressBytes).SequenceEqual(frame.AsSpan(TargetAddress, AddressBytes));
    }
}
