using Forwarder.Abi;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Runs the groups of the configuration in force, with a link for each exception port and VLAN, as long as the dataplane forwards.
/// When the dataplane goes, its exception ports go with it; the groups are released and elected again when it is back.
/// </summary>
public sealed class VrrpService(DataplaneSupervisor supervisor, SnapshotCompiler compiler, VrrpLeases leases, VrrpNeighbours neighbours, VrrpTracking tracking, VrrpNotifier notifier, EventLog events) : BackgroundService
{
    private const int LookMs = 50, AnswerTimeoutMs = 1_000, ResignMsMax = 100;
    private const VrrpFaults Watched = VrrpFaults.Worker | VrrpFaults.Link | VrrpFaults.Tracking;

    private sealed record Group(int Id, string Settings, VrrpGroupModel Model, IReadOnlyList<int> PeerHops);

    private readonly Lock _lock = new();
    private readonly Dictionary<VrrpLinkKey, VrrpLink> _links = [];
    private readonly Dictionary<int, (VrrpFaults Faults, int Offset, byte Priority)> _told = [];
    private volatile IReadOnlyList<Group> _groups = [];
    private volatile VrrpRunner? _runner;
    private readonly Dictionary<VrrpLinkKey, string> _missing = [];
    private IReadOnlyList<Group> _given = [];
    private HashSet<VrrpMember> _running = [];
    private int _dataplanePid;

    /// <summary>Takes up the groups of a model that is in force. Called by the state's owner.</summary>
    public void Take(DirectorModel model)
    {
        tracking.Take(model);
        List<Group> groups = new(model.VrrpGroups.Count);
        foreach (VrrpGroupModel group in model.VrrpGroups)
        {
            string identity = group.Identity;
            if (compiler.VrrpGroups.TryFind(identity, out int id))
            {
                leases.Name(id, group.Name);
                groups.Add(new Group(id, identity, group, [.. group.PeerHops.Select(Hop)]));
            }
        }

        notifier.Take([.. groups.Select(g => (g.Id, g.Model))]);
        _groups = groups;
    }

    private int Hop((int, System.Net.IPAddress) hop) => compiler.NextHops.TryFind(hop, out int slot) ? slot : 0;

    /// <summary>All groups as they are now.</summary>
    public async Task<IReadOnlyList<VrrpGroupView>> ViewsAsync()
    {
        IReadOnlyList<Group> groups = _groups;
        Dictionary<int, VrrpGroupView>? views = _runner is { } runner ? await Ask(runner.Loop.AskAsync(loop => Views(groups, loop))) : null;
        return [.. groups.Select(group => views?.GetValueOrDefault(group.Id) ?? Waiting(group))];
    }

    /// <summary>A group as it is now.</summary>
    /// <exception cref="ApiException">404: there is no such group.</exception>
    public async Task<VrrpGroupView> ViewAsync(string name) => (await ViewsAsync()).FirstOrDefault(g => g.Name == name) ?? throw NoGroup(name);

    /// <summary>Hands what an operator asks for to a group.</summary>
    /// <exception cref="ApiException">404: there is no such group; 409: it is not in the state for it; 503: it does not run.</exception>
    public async Task CommandAsync(string name, VrrpEvent happened)
    {
        Group group = _groups.FirstOrDefault(g => g.Model.Name == name) ?? throw NoGroup(name);
        string? answer = _runner is { } runner ? await Ask(runner.Loop.AskAsync(loop => Command(loop, group.Id, happened))) : null;
        if (answer != "")
        {
            throw answer == null
                ? ApiException.Unavailable($"VRRP group \"{name}\" does not run: the dataplane or its exception port is not there.")
                : ApiException.Conflict($"VRRP group \"{name}\" {answer}.");
        }
    }

    private ApiException NoGroup(string name) =>
        ApiException.NotFound($"There is no VRRP group \"{name}\"; there are {string.Join(", ", _groups.Select(g => g.Model.Name).DefaultIfEmpty("none"))}.");

    /// <summary>"" = it is done; null = the group does not run; otherwise why it makes no sense now.</summary>
    private static string? Command(VrrpLoop loop, int id, VrrpEvent happened)
    {
        VrrpInstance? instance = loop.Instances.FirstOrDefault(i => i.Member.Id == id).Instance;
        string? refusal = happened.Kind switch
        {
            _ when instance == null => null,
            VrrpEventKind.Handover when instance.State != VrrpState.Active => $"is {VrrpText.Of(instance.State)} here: only the active director can hand over",
            VrrpEventKind.Handover when instance.IsHandingOver => "is being handed over already",
            VrrpEventKind.ReleaseBackup when !instance.IsForcedBackup => "is not held back",
            _ => "",
        };
        if (refusal == "")
        {
            loop.Post(id, happened);
        }

        return refusal;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        supervisor.Stopping = Resign;
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                lock (_lock)
                {
                    Look();
                }

                await Task.Delay(LookMs, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping: the groups resign below.
        }

        Resign();
        await notifier.DrainAsync();
    }

    /// <summary>All groups resign, while the dataplane can still send that: peers need not wait for Master_Down_Interval.</summary>
    private void Resign()
    {
        lock (_lock)
        {
            if (_runner == null)
            {
                return;
            }

            StopAll();
        }

        long resignedNs = VrrpLoop.NowNs, untilNs = resignedNs + (ResignMsMax * VrrpLimits.NanosecondsPerMillisecond);
        DataplanePulse? pulse = supervisor.Region is { } region ? new DataplanePulse(region, resignedNs) : null;
        while (pulse is { HasLeft: false } && VrrpLoop.NowNs < untilNs)
        {
            Thread.Sleep(1);
            pulse.Look();
        }
    }

    /// <summary>Makes what runs what should run.</summary>
    private void Look()
    {
        tracking.Look(supervisor.Region, Environment.TickCount64);
        int pid = supervisor.IsForwarding ? supervisor.Pid : 0;
        IReadOnlyList<Group> groups = pid == 0 ? [] : _groups;
        if (pid != _dataplanePid)
        {
            StopAll();
            _dataplanePid = pid;
        }

        bool opened = false;
        foreach (VrrpLinkKey key in groups.SelectMany(g => g.Model.Links).Distinct())
        {
            opened |= TryOpen(key);
        }

        if (!ReferenceEquals(groups, _given) || opened)
        {
            Give(groups);
            _given = groups;
        }

        TellFaults(groups);
    }

    /// <summary>Tells the groups what keeps them from taking part, and their priorities in force.</summary>
    private void TellFaults(IReadOnlyList<Group> groups)
    {
        if (groups.Count == 0 || supervisor.Region is not { } region || _runner is not { } runner)
        {
            return;
        }

        HashSet<int> ids = [.. _running.Select(m => m.Id)];
        foreach (Group group in groups.Where(g => ids.Contains(g.Id)))
        {
            (VrrpFaults Faults, int Offset, byte Priority) now = Standing(group, region);
            if (!_told.TryGetValue(group.Id, out (VrrpFaults Faults, int Offset, byte Priority) told) || told != now)
            {
                if ((told.Faults, told.Offset) != (now.Faults, now.Offset))
                {
                    Tell(group, now.Faults, now.Priority);
                }

                _told[group.Id] = now;
                runner.Loop.Post(group.Id, VrrpEvent.PriorityChanged(now.Priority));
                Post(runner, group.Id, now.Faults, VrrpEvent.FaultRaised);
                Post(runner, group.Id, Watched & ~now.Faults, VrrpEvent.FaultCleared);
            }
        }
    }

    /// <summary>What keeps a group from taking part, what tracking adds to its priority, and the priority in force.</summary>
    private (VrrpFaults Faults, int Offset, byte Priority) Standing(Group group, Region region)
    {
        VrrpTracker tracker = tracking.Tracker(group.Model.Tracks);
        VrrpFaults faults = (group.Model.Settings.TrackWorkers && tracking.IsAnyWorkerStuck ? VrrpFaults.Worker : VrrpFaults.None)
            | (group.Model.Settings.TrackLink && region.Port(group.Model.Port).LinkUp == 0 ? VrrpFaults.Link : VrrpFaults.None)
            | (tracker.IsFault ? VrrpFaults.Tracking : VrrpFaults.None);
        return (faults, tracker.Offset, tracker.PriorityFor(group.Model.Config.Priority));
    }

    /// <summary>What the state machine is told shows there as "fault" or a change of priority; here is why.</summary>
    private void Tell(Group group, VrrpFaults faults, byte priority)
    {
        IEnumerable<string> causes =
        [
            .. (faults & VrrpFaults.Link) != 0 ? (string[])["the port of its addresses has no link"] : [], .. (faults & VrrpFaults.Worker) != 0 ? (string[])["a worker or housekeeping stands still"] : [],
            .. tracking.Views(group.Model.Tracks).Where(t => t.Fault || t.Offset != 0).Select(t => $"{t.Name} is {(t.Up ? "up" : "down")}{(t.Detail == null ? "" : $" ({t.Detail})")}"),
        ];
        string why = string.Join(", ", causes.DefaultIfEmpty("nothing is down any more"));
        events.Add("vrrp.track", $"VRRP group {group.Model.Name} {(faults == VrrpFaults.None ? $"has priority {priority}" : "takes no part")}: {why}.", 0);
    }

    private static void Post(VrrpRunner runner, int id, VrrpFaults faults, Func<VrrpFaults, VrrpEvent> make)
    {
        if (faults != VrrpFaults.None)
        {
            runner.Loop.Post(id, make(faults));
        }
    }

    /// <summary>Gives the loop the groups whose addresses can be announced and whose first heartbeat is there; a sync group only whole.</summary>
    private void Give(IReadOnlyList<Group> groups)
    {
        if (groups.Count == 0 && _runner == null)
        {
            return;
        }

        _runner ??= new VrrpRunner(leases, neighbours, WorkerCpus(), why => events.Add("vrrp.trouble", $"VRRP runs without real-time priority: {why}.", 0));
        VrrpMember?[] members = [.. groups.Select(Member)];
        HashSet<string?> torn = [.. groups.Where((g, i) => members[i] == null && g.Model.SyncGroup != null).Select(g => g.Model.SyncGroup!.Name)];
        List<VrrpMember> run = [.. members.OfType<VrrpMember>().Where(m => m.SyncGroup == null || !torn.Contains(m.SyncGroup))];
        _runner.Loop.SetMembers(run);
        run.ForEach(m => _ = _running.Contains(m) || _told.Remove(m.Id));   // one that begins knows of no faults
        _running = [.. run];
    }

    private int[] WorkerCpus() => supervisor.Region is { } region ? [.. Enumerable.Range(0, region.Layout.WorkerCount).Select(w => (int)region.Worker(w).Cpu)] : [];

    private VrrpMember? Member(Group group)
    {
        VrrpLink? home = _links.GetValueOrDefault(group.Model.Home), first = _links.GetValueOrDefault(group.Model.Heartbeats[0]);
        VrrpLink[] heartbeats = [.. group.Model.Heartbeats.Select(h => _links.GetValueOrDefault(h)).OfType<VrrpLink>()];
        (VrrpFaults faults, _, byte priority) = supervisor.Region is { } region ? Standing(group, region) : (VrrpFaults.None, 0, group.Model.Config.Priority);
        return home == null || first == null ? null : new VrrpMember(group.Id, group.Settings, Config(group, first), heartbeats, home)
        {
            SyncGroup = group.Model.SyncGroup?.Name, PeerHops = group.PeerHops, Faults = faults, Priority = priority,
            Excluded = [.. group.Model.Addresses.Skip(group.Model.Settings.Addresses.Count).Select(VrrpAddress.From)],
        };
    }

    /// <summary>Over IPv6 advertisements come from the port's link-local address (RFC 9568 section 5.1.2.1), but for peers that have another one.</summary>
    private static VrrpConfig Config(Group group, VrrpLink link) => group.Model.Wires.Source == null ? group.Model.Config with { PrimaryAddress = VrrpMac.LinkLocal(link.Mac) } : group.Model.Config;

    /// <summary>True if it is open now and was not before.</summary>
    private bool TryOpen(VrrpLinkKey key)
    {
        if (_links.ContainsKey(key))
        {
            return false;
        }

        try
        {
            _links.Add(key, new VrrpLink(key.Device, key.Vlan));
            _missing.Remove(key);
            return true;
        }
        catch (IOException e)
        {
            if (_missing.GetValueOrDefault(key) != e.Message)
            {
                _missing[key] = e.Message;
                events.Add("vrrp.trouble", e.Message, 0);
            }

            return false;
        }
    }

    private void StopAll()
    {
        _runner?.Dispose();
        _runner = null;
        foreach (VrrpLink link in _links.Values)
        {
            link.Dispose();
        }

        _links.Clear();
        (_given, _running) = ([], []);
    }

    private static async Task<T?> Ask<T>(Task<T> answer) where T : class? =>
        await Task.WhenAny(answer, Task.Delay(AnswerTimeoutMs)) == answer ? await answer : null;

    /// <summary>All at once: each question waits for a turn of the loop.</summary>
    private Dictionary<int, VrrpGroupView> Views(IReadOnlyList<Group> groups, VrrpLoop loop)
    {
        Dictionary<int, Group> byId = groups.ToDictionary(g => g.Id);
        return loop.Instances.Where(i => byId.ContainsKey(i.Member.Id))
            .ToDictionary(i => i.Member.Id, i => VrrpViews.Make(byId[i.Member.Id].Model, i.Member, i.Instance, loop, leases.IsOwned(i.Member.Id), tracking.Views(byId[i.Member.Id].Model.Tracks)));
    }

    private VrrpGroupView Waiting(Group g) => new()
    {
        Name = g.Model.Name, Interface = g.Model.Settings.Interface, Vrid = g.Model.Key.Vrid, Version = g.Model.Settings.Version, Addresses = [.. g.Model.Addresses.Select(a => a.ToString())], SyncGroup = g.Model.SyncGroup?.Name, State = "waiting", Priority = g.Model.Settings.Priority, Tracks = tracking.Views(g.Model.Tracks),
        Reason = "the dataplane or the exception port is not there",
    };
}
