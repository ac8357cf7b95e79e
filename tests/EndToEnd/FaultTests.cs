using System.Diagnostics;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Kills and changes while clients load the page. Each test has a director of its own.</summary>
public sealed class FaultTests : IDisposable
{
    private const int RecoveryMsMax = 2_000;
    private const string Service = "v1/services/tcp:172.16.58.1:80";
    private readonly RunningLab _bed = new();

    [Fact]
    public void Killing_control_costs_no_request()
    {
        // A server that came first and has gone: control must not give its slot to another, flows name the slots.
        _bed.Ipvsadm($"-A -t {S1Lab.Vip}:80 -s wlc");
        _bed.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r 172.16.58.9 -g -w 0");
        _bed.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r 172.16.58.7 -g -w 2");
        _bed.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r 172.16.58.8 -g -w 1");
        _bed.Ipvsadm($"-d -t {S1Lab.Vip}:80 -r 172.16.58.9");
        int dataplane = _bed.Director.DataplanePid;
        using HttpLoad kept = new(_bed.Lab.Client, S1Lab.Vip, clients: 6, keepAlive: true);
        kept.WaitFor(500);
        string[] servers = [.. kept.ServerOfClient];
        using HttpLoad load = new(_bed.Lab.Client, S1Lab.Vip, clients: 4, phase: "before");
        load.WaitFor(1_000);
        load.Enter("control is dead");
        _bed.Director.KillControl();
        load.WaitFor(2_000);
        load.Enter("control is back");
        _bed.Director.Start();
        load.WaitFor(2_000);
        _bed.AssertNoFailure(load.Stop());
        _bed.AssertNoFailure(kept.Stop());
        Assert.Equal(["rs7", "rs8"], servers.Distinct().Order());
        Assert.Equal(0, kept.Reconnects);
        Assert.Equal(servers, kept.ServerOfClient);
        Assert.Equal(dataplane, _bed.Director.DataplanePid);
        Assert.Contains("TCP  172.16.58.1:80 wlc\n  -> 172.16.58.7:80               Route   2 ", _bed.Ipvsadm("-L -n"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_killed_dataplane_forwards_again_within_two_seconds_and_flows_stay()
    {
        _bed.AddWebService("mh");
        using HttpLoad load = new(_bed.Lab.Client, S1Lab.Vip, clients: 16, keepAlive: true, phase: "before");
        load.WaitFor(2_000);
        string[] before = [.. load.ServerOfClient];
        Assert.Equal(["rs7", "rs8"], before.Distinct().Order());
        ulong generation = Generation();
        int old = _bed.Director.DataplanePid;

        long killed = Stopwatch.GetTimestamp();
        load.Enter("killed");
        _bed.Director.KillDataplane();
        // An answer proves forwarding: a new connection, whose SYN the client repeats only after a second, is asked for by small steps.
        double recoveredMs = FirstAnswerMs(killed);
        load.WaitFor(2_000);
        IReadOnlyList<LoadPhase> phases = load.Stop();

        Assert.True(recoveredMs < RecoveryMsMax, $"forwarding again after {recoveredMs:0} ms\n{_bed.Director.Logs}");
        _bed.AssertNoFailure(phases);
        Assert.Equal(0, load.Reconnects);
        Assert.Equal(before, load.ServerOfClient);   // each connection lives on: a foreign server would have reset it
        Assert.NotEqual(old, _bed.Director.DataplanePid);
        Assert.Equal(generation, Generation());
    }

    [Fact]
    public void Adding_and_removing_a_real_server_1000_times_costs_no_request_on_the_other()
    {
        const int Rounds = 1_000;
        _bed.Ipvsadm($"-A -t {S1Lab.Vip}:80 -s wlc");
        _bed.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r 172.16.58.7 -g -w 2");
        using Capture leaver = new(_bed.Lab.RealServers[1].Netns, "e0", "tcp dst port 80 and tcp[tcpflags] & tcp-syn != 0", _bed.Lab.Folder);
        using HttpLoad stayers = new(_bed.Lab.Client, S1Lab.Vip, clients: 4, keepAlive: true);   // all on rs7
        stayers.WaitFor(500);
        using HttpLoad load = new(_bed.Lab.Client, S1Lab.Vip, clients: 4);
        load.WaitFor(500);
        for (int round = 0; round < Rounds; round++)
        {
            Change(HttpMethod.Post, $"{Service}/servers", """{"address":"172.16.58.8","weight":1}""");
            Change(HttpMethod.Delete, $"{Service}/servers/172.16.58.8:80");
        }

        load.WaitFor(500);
        LoadPhase all = load.Stop()[0];
        Assert.Equal(["rs7", "rs8"], all.Answers.Keys.Order());

        // A connection of the server that is taken away may be reset; its SYN was seen there. No other may fail.
        HashSet<int> onLeaver = [.. leaver.Stop().Select(Pcap.TcpSourcePort)];
        Assert.Subset(onLeaver, all.FailedPorts.ToHashSet());
        Assert.Empty(stayers.Stop().SelectMany(p => p.Failures));
        Assert.Equal(0, stayers.Reconnects);
    }

    /// <inheritdoc/>
    public void Dispose() => _bed.Dispose();

    private double FirstAnswerMs(long since)
    {
        const int StepMs = 20;
        for (; Stopwatch.GetElapsedTime(since).TotalMilliseconds < 10 * RecoveryMsMax; Thread.Sleep(StepMs))
        {
            if (_bed.Lab.Client.Try($"ping -n -c 1 -W 0.05 {S1Lab.Vip}").ExitCode == 0)
            {
                break;
            }
        }

        return Stopwatch.GetElapsedTime(since).TotalMilliseconds;
    }

    private ulong Generation() => _bed.Director.Api.Get("v1/status", ApiJson.Default.StatusView).AcceptedGeneration;

    private void Change(HttpMethod method, string path, string? json = null)
    {
        (int status, string body) = _bed.Director.Api.Send(method, path, json);
        Assert.True(status is >= 200 and < 300, $"{method} {path}: {status}: {body}");
    }
}
