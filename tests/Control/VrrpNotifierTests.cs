using Forwarder.Api;
using Forwarder.Vrrp;
using Microsoft.Extensions.Logging.Abstractions;

namespace Forwarder.Control.Tests;

/// <summary>The operator's programs, run for real.</summary>
public sealed class VrrpNotifierTests : IDisposable
{
    private readonly EventLog _events = new(NullLogger<EventLog>.Instance);
    private readonly VrrpNotifier _notifier;
    private readonly Dictionary<string, int> _ids = [];
    private DirectorModel? _model;
    private readonly string _folder = Directory.CreateTempSubdirectory("notify").FullName;

    public VrrpNotifierTests() => _notifier = new VrrpNotifier(_events);

    private string Out => Path.Combine(_folder, "out");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task ProgramsRunInOrderWithKeepalivedsArguments()
    {
        Take(Model(new VrrpNotifySettings { Active = Write("own active"), Backup = Write("own backup"), Fault = Write("own fault"), Stop = Write("own stop"), Any = Write("") }));
        Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        Changed("web", VrrpState.Active, VrrpReason.MasterDown, 100);
        Changed("web", VrrpState.Initialize, VrrpReason.Fault, 90);
        Changed("web", VrrpState.Initialize, VrrpReason.Shutdown, 90);
        await _notifier.DrainAsync();
        Assert.Equal(["own backup", "INSTANCE web BACKUP 100", "own active", "INSTANCE web MASTER 100", "own fault", "INSTANCE web FAULT 90", "own stop", "INSTANCE web STOP 90"], Lines());
    }

    /// <summary>A sync group is told once, when all its members have come there.</summary>
    [Fact]
    public async Task ASyncGroupIsToldWhenAllHaveCome()
    {
        Take(Model(null, new VrrpSyncGroupSettings { Name = "all", Groups = ["web", "other"], Notify = new VrrpNotifySettings { Any = Write("") } }));
        foreach ((VrrpState state, VrrpReason reason) in new[] { (VrrpState.Backup, VrrpReason.Startup), (VrrpState.Active, VrrpReason.MasterDown), (VrrpState.Initialize, VrrpReason.Fault), (VrrpState.Backup, VrrpReason.FaultCleared) })
        {
            Changed("web", state, reason, 100);
            Changed("other", state, reason, 100);
        }

        await _notifier.DrainAsync();
        Assert.Equal(["GROUP all BACKUP 0", "GROUP all MASTER 0", "GROUP all FAULT 0", "GROUP all BACKUP 0"], Lines());
    }

    /// <summary>What hangs is killed after its time, and the next change is told.</summary>
    [Fact]
    public async Task AProgramThatHangsIsKilledAndSaid()
    {
        Take(Model(new VrrpNotifySettings { Backup = ["/bin/sleep", "60"], Any = Write(""), TimeoutMs = 100 }));
        Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        Changed("web", VrrpState.Active, VrrpReason.MasterDown, 100);
        await _notifier.DrainAsync();
        Assert.Equal(["INSTANCE web BACKUP 100", "INSTANCE web MASTER 100"], Lines());
        await foreach (DirectorEvent e in _events.ListenAsync(0, default))
        {
            Assert.Equal(("vrrp.notify", "VRRP group web: /bin/sleep: killed after 100 ms."), (e.Kind, e.Message));
            break;
        }
    }

    /// <summary>The group that stops is not the one that begins under its name; both keep the order.</summary>
    [Fact]
    public async Task AGroupThatIsChangedHasItsStopToldByItsOldPrograms()
    {
        DirectorModel old = Model(new VrrpNotifySettings { Backup = ["/bin/sleep", "0.3"], Stop = Write("old stop") });
        VrrpGroupModel web = Model(new VrrpNotifySettings { Backup = Write("new backup"), Stop = Write("new stop") }, 99).VrrpGroups[0];
        Take(old);
        Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        int before = _ids[old.VrrpGroups[0].Identity];
        Take(old with { VrrpGroups = [web] });
        _notifier.Changed(before, VrrpState.Initialize, VrrpReason.Shutdown, 100);
        Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        _notifier.Changed(before, VrrpState.Initialize, VrrpReason.Shutdown, 100);   // is forgotten
        await _notifier.DrainAsync();
        Assert.Equal(["old stop", "new backup"], Lines());
    }

    [Fact]
    public async Task AGroupThatGoesAndHasNeverRunIsForgotten()
    {
        Take(Model(new VrrpNotifySettings { Any = Write("") }));
        int web = _ids.First().Value;
        Take(Model(null) with { VrrpGroups = [] });
        _notifier.Changed(web, VrrpState.Initialize, VrrpReason.Shutdown, 100);
        await _notifier.DrainAsync();
        Assert.False(File.Exists(Out));
    }

    /// <summary>Its members go on by themselves, as other groups.</summary>
    [Fact]
    public async Task ASyncGroupThatGoesHasItsStopToldOnce()
    {
        DirectorModel together = Model(null, new VrrpSyncGroupSettings { Name = "all", Groups = ["web", "other"], Notify = new VrrpNotifySettings { Any = Write("") } });
        Take(together);
        int[] members = [.. together.VrrpGroups.Select(g => _ids[g.Identity])];
        foreach (int member in members)
        {
            _notifier.Changed(member, VrrpState.Backup, VrrpReason.Startup, 100);
        }

        Take(Model(null));
        foreach (int member in members)
        {
            _notifier.Changed(member, VrrpState.Initialize, VrrpReason.Shutdown, 100);
        }

        Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        Changed("other", VrrpState.Backup, VrrpReason.Startup, 100);
        await _notifier.DrainAsync();
        Assert.Equal(["GROUP all BACKUP 0", "GROUP all STOP 0"], Lines());
    }

    [Fact]
    public async Task AGroupThatGoesHasItsStopTold()
    {
        Take(Model(new VrrpNotifySettings { Stop = Write("stopped") }));
        Changed("web", VrrpState.Backup, VrrpReason.Startup, 100);
        Take(Model(null) with { VrrpGroups = [] });
        _notifier.Changed(_ids.First().Value, VrrpState.Initialize, VrrpReason.Shutdown, 100);
        await _notifier.DrainAsync();
        Assert.Equal(["stopped"], Lines());
    }

    /// <summary>As the compiler gives ids: by what makes a group what it is.</summary>
    private void Take(DirectorModel model)
    {
        foreach (VrrpGroupModel group in model.VrrpGroups)
        {
            _ids.TryAdd(group.Identity, _ids.Count + 1);
        }

        _model = model;
        _notifier.Take([.. model.VrrpGroups.Select(g => (_ids[g.Identity], g))]);
    }

    private void Changed(string name, VrrpState state, VrrpReason reason, int priority) => _notifier.Changed(_ids[_model!.VrrpGroups.Single(g => g.Name == name).Identity], state, reason, priority);

    /// <summary>Appends its words and the arguments that it gets to a file.</summary>
    private string[] Write(string words) => ["/bin/sh", "-c", $"echo {words} \"$@\" >> {Out}", "sh"];

    private string[] Lines() => [.. File.ReadAllLines(Out).Select(l => l.Trim())];

    private static DirectorModel Model(VrrpNotifySettings? notify, params VrrpSyncGroupSettings[] sync) => Model(notify, 51, sync);

    private static DirectorModel Model(VrrpNotifySettings? notify, int vrid, params VrrpSyncGroupSettings[] sync)
    {
        VrrpGroupSettings web = new() { Name = "web", Interface = "lan0", Vrid = vrid, Addresses = ["172.16.58.1"], Notify = notify };
        return ModelBuilder.Build(new DesiredState
        {
            Dataplane = new DataplaneSettings { WorkerCpus = [0], Ports = [new PortSettings { Name = "lan0", Device = "net_null0", Exception = "fwd0" }] },
            Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16"] }],
            Vrrp = [web, web with { Name = "other", Vrid = 52, Addresses = ["172.16.58.9"], Notify = null }], VrrpSyncGroups = sync,
        }, new CheckedServices());
    }
}
