using System.Collections.Concurrent;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>
/// Control with VRRP groups and a dataplane that is played: it takes each snapshot, shows signs of life and forwards nothing.
/// The exception port of lan0 is the loopback interface, that of lan1 is not there.
/// </summary>
public sealed class PlayedDataplane : IAsyncDisposable
{
    private const int TurnMs = 1;

    /// <summary>So long that nothing is sent in a test.</summary>
    private const int IntervalCs = 4_095;

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _playing;
    private readonly ConcurrentQueue<DirectorEvent> _events = new();

    private PlayedDataplane(ControlBed bed)
    {
        Bed = bed;
        _playing = Task.Run(PlayAsync);
    }

    public ControlBed Bed { get; }

    /// <summary>All events until now.</summary>
    public IEnumerable<DirectorEvent> Events => _events;

    /// <summary>Whether lan0 has a link.</summary>
    public volatile bool IsLinkUp = true;

    public static async Task<PlayedDataplane> StartAsync(params VrrpGroupSettings[] groups)
    {
        PlayedDataplane played = new(ControlBed.WithDataplaneThatFailsOn("no_such_word"));
        await played.Bed.StartAsync();
        _ = played.ListenAsync(played.Bed.Service<EventLog>());
        await played.PutAsync(groups);
        return played;
    }

    public static VrrpGroupSettings Group(string name, string vip, int vrid, string on = "lan0") => new() { Name = name, Interface = on, Vrid = vrid, IntervalCs = IntervalCs, Addresses = [vip] };

    public static DesiredState State(params VrrpGroupSettings[] groups) => new()
    {
        Dataplane = new DataplaneSettings { WorkerCpus = [0], Ports = [new PortSettings { Name = "lan0", Device = "net_null0", Exception = "lo" }, new PortSettings { Name = "lan1", Device = "net_null1", Exception = "fwd-none" }] },
        Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16"] }, new InterfaceSettings { Name = "lan1", Port = "lan1", Addresses = ["10.1.0.2/24"] }],
        Vrrp = groups,
    };

    public async Task PutAsync(params VrrpGroupSettings[] groups)
    {
        (int status, string body, _) = await Bed.PutAsync(State(groups));
        Assert.True(status == 200, body);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _playing;
        await Bed.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ListenAsync(EventLog events)
    {
        await foreach (DirectorEvent entry in events.ListenAsync(0, _stop.Token))
        {
            _events.Enqueue(entry);
        }
    }

    private async Task PlayAsync()
    {
        while (!_stop.IsCancellationRequested && !File.Exists(Bed.RegionPath))
        {
            await Task.Delay(TurnMs);
        }

        using Region region = Region.Open(Bed.RegionPath);
        SnapshotGate gate = new(region);
        while (!_stop.IsCancellationRequested)
        {
            gate.TryAccept(out _);
            region.Process.State = ProcessState.Running;
            region.Process.HeartbeatNs = (ulong)VrrpLoop.NowNs;
            region.Worker(0).Heartbeat++;
            region.Port(0).LinkUp = IsLinkUp ? (byte)1 : (byte)0;
            await Task.Delay(TurnMs);
        }
    }
}
