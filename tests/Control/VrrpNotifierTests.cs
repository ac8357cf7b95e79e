using Forwarder.Api;
using Forwarder.Vrrp;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forwarder.Control.Tests;

/// <summary>The operator's programs, run for real.</summary>
public sealed class VrrpNotifierTests : IDisposable
{
    private readonly EventLog _events = new(NullLogger<EventLog>.Instance);
    private readonly VrrpNotifier _notifier;
    private readonly string _folder = Directory.CreateTempSubdirectory("notify").FullName;

    public VrrpNotifierTests() => _notifier = new VrrpNotifier(_events);

    private string Out => Path.Combine(_folder, "out");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ProgramsRunInOrderWithKeepalivedsArguments()
    {
        _notifier.Take(Model(new VrrpNotifySettings { Active = Write("own active"), Backup = Write("own backup"), Fault = Write("own fault"), Stop = Write("own stop"), Any = Write("") }));
        _notifier.Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        _notifier.Changed("web", VrrpState.Active, VrrpReason.MasterDown, 100);
        _notifier.Changed("web", VrrpState.Initialize, VrrpReason.Fault, 90);
        _notifier.Changed("web", VrrpState.Initialize, VrrpReason.Shutdown, 90);
        await _notifier.DrainAsync();
        Assert.Equal(["own backup", "INSTANCE web BACKUP 100", "own active", "INSTANCE web MASTER 100", "own fault", "INSTANCE web FAULT 90", "own stop", "INSTANCE web STOP 90"], Lines());
    }

    /// <summary>A sync group is told once, when all its members have come there.</summary>
    [Fact]
    public async Task ASyncGroupIsToldWhenAllHaveCome()
    {
        _notifier.Take(Model(null, new VrrpSyncGroupSettings { Name = "all", Groups = ["web", "other"], Notify = new VrrpNotifySettings { Any = Write("") } }));
        foreach ((VrrpState state, VrrpReason reason) in new[] { (VrrpState.Backup, VrrpReason.Startup), (VrrpState.Active, VrrpReason.MasterDown), (VrrpState.Initialize, VrrpReason.Fault), (VrrpState.Backup, VrrpReason.FaultCleared) })
        {
            _notifier.Changed("web", state, reason, 100);
            _notifier.Changed("other", state, reason, 100);
        }

        await _notifier.DrainAsync();
        Assert.Equal(["GROUP all BACKUP 0", "GROUP all MASTER 0", "GROUP all FAULT 0", "GROUP all BACKUP 0"], Lines());
    }

    /// <summary>What hangs is killed after its time, and the next change is told.</summary>
    [Fact]
    public async Task AProgramThatHangsIsKilledAndSaid()
    {
        _notifier.Take(Model(new VrrpNotifySettings { Backup = ["/bin/sleep", "60"], Any = Write(""), TimeoutMs = 100 }));
        _notifier.Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        _notifier.Changed("web", VrrpState.Active, VrrpReason.MasterDown, 100);
        await _notifier.DrainAsync();
        Assert.Equal(["INSTANCE web BACKUP 100", "INSTANCE web MASTER 100"], Lines());
        await foreach (DirectorEvent e in _events.ListenAsync(0, default))
        {
            Assert.Equal(("vrrp.notify", "VRRP group web: /bin/sleep: killed after 100 ms."), (e.Kind, e.Message));
            break;
        }
    }

    [Fact]
    public async Task AGroupThatGoesHasItsStopTold()
    {
        _notifier.Take(Model(new VrrpNotifySettings { Stop = Write("stopped") }));
        _notifier.Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        _notifier.Take(Model(null) with { VrrpGroups = [] });
        _notifier.Changed("web", VrrpState.Initialize, VrrpReason.Shutdown, 100);
        await _notifier.DrainAsync();
        Assert.Equal(["stopped"], Lines());
    }

    /// <summary>Appends its words and the arguments that it gets to a file.</summary>
    private string[] Write(string words) => ["/bin/sh", "-c", $"echo {words} \"$@\" >> {Out}", "sh"];

    private string[] Lines() => [.. File.ReadAllLines(Out).Select(l => l.Trim())];

    private static DirectorModel Model(VrrpNotifySettings? notify, params VrrpSyncGroupSettings[] sync)
    {
        VrrpGroupSettings web = new() { Name = "web", Interface = "lan0", Vrid = 51, Addresses = ["172.16.58.1"], Notify = notify };
        return ModelBuilder.Build(new DesiredState
        {
            Dataplane = new DataplaneSettings { WorkerCpus = [0], Ports = [new PortSettings { Name = "lan0", Device = "net_null0", Exception = "fwd0" }] },
            Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16"] }],
            Vrrp = [web, web with { Name = "other", Vrid = 52, Addresses = ["172.16.58.9"], Notify = null }], VrrpSyncGroups = sync,
        }, new CheckedServices());
    }
}
