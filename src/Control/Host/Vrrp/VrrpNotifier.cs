using System.Globalization;
using System.Threading.Channels;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Runs the operator's programs when groups and sync groups change their states: for each of these one at a time, in order.
/// Changes come from the loop's thread, which is not kept waiting.
/// </summary>
public sealed class VrrpNotifier(EventLog events)
{
    /// <summary>Changes that wait for the programs of one group; more are lost, oldest first.</summary>
    private const int QueueMax = 256;

    private const string Active = "MASTER", Backup = "BACKUP", Fault = "FAULT", Stop = "STOP";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Hook> _groups = [], _syncGroups = [];

    /// <summary>A change: keepalived's word for the state, and the priority.</summary>
    private readonly record struct Change(string State, int Priority);

    /// <summary>A group or sync group with its queue.</summary>
    private sealed class Hook
    {
        public VrrpNotifySettings? Settings { get; set; }

        public IReadOnlyList<string> Members { get; set; } = [];

        public string? SyncGroup { get; set; }

        public string State { get; set; } = "";

        public Channel<Change> Queue { get; } = Channel.CreateBounded<Change>(new BoundedChannelOptions(QueueMax) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

        public Task Runner { get; set; } = Task.CompletedTask;
    }

    /// <summary>Takes up the programs of a model that is in force. A group that goes has its stop told by the programs that it had.</summary>
    public void Take(DirectorModel model)
    {
        lock (_lock)
        {
            HashSet<VrrpSyncGroupSettings> syncGroups = [.. model.VrrpGroups.Select(g => g.SyncGroup).OfType<VrrpSyncGroupSettings>()];
            foreach (VrrpGroupModel group in model.VrrpGroups)
            {
                Hook hook = Find(_groups, "INSTANCE", group.Name);
                (hook.Settings, hook.SyncGroup) = (group.Settings.Notify, group.SyncGroup?.Name);
            }

            foreach (VrrpSyncGroupSettings sync in syncGroups)
            {
                Hook hook = Find(_syncGroups, "GROUP", sync.Name);
                (hook.Settings, hook.Members) = (sync.Notify, sync.Groups);
            }
        }
    }

    /// <summary>A group has changed its state.</summary>
    public void Changed(string name, VrrpState state, VrrpReason reason, int priority)
    {
        lock (_lock)
        {
            if (!_groups.TryGetValue(name, out Hook? hook))
            {
                return;
            }

            hook.State = Word(state, reason);
            hook.Queue.Writer.TryWrite(new Change(hook.State, priority));
            if (hook.SyncGroup != null && _syncGroups.TryGetValue(hook.SyncGroup, out Hook? sync) && Together(sync) is { } together && together != sync.State)
            {
                sync.State = together;
                sync.Queue.Writer.TryWrite(new Change(together, 0));
            }
        }
    }

    /// <summary>Ends when all programs have run for what has happened until now.</summary>
    public async Task DrainAsync()
    {
        List<Hook> all;
        lock (_lock)
        {
            all = [.. _groups.Values, .. _syncGroups.Values];
            _groups.Clear();
            _syncGroups.Clear();
        }

        all.ForEach(hook => hook.Queue.Writer.TryComplete());
        await Task.WhenAll(all.Select(hook => hook.Runner));
    }

    private static string Word(VrrpState state, VrrpReason reason) => state switch
    {
        VrrpState.Active => Active,
        VrrpState.Backup => Backup,
        _ => reason == VrrpReason.Shutdown ? Stop : Fault,
    };

    /// <summary>What a sync group has come to; null while its members are on their way.</summary>
    private string? Together(Hook sync)
    {
        string[] states = [.. sync.Members.Select(m => _groups.TryGetValue(m, out Hook? member) ? member.State : "")];
        return states.Contains(Stop) ? Stop : states.Contains(Fault) ? Fault : states.Distinct().Count() == 1 ? states[0] : null;
    }

    private Hook Find(Dictionary<string, Hook> hooks, string type, string name)
    {
        if (!hooks.TryGetValue(name, out Hook? hook))
        {
            hook = new Hook();
            hook.Runner = RunAsync(hook, type, name);
            hooks.Add(name, hook);
        }

        return hook;
    }

    private async Task RunAsync(Hook hook, string type, string name)
    {
        await foreach (Change change in hook.Queue.Reader.ReadAllAsync())
        {
            if (hook.Settings is { } settings)
            {
                await RunAsync(settings, Own(settings, change.State), name);
                await RunAsync(settings, settings.Any == null ? null : [.. settings.Any, type, name, change.State, change.Priority.ToString(CultureInfo.InvariantCulture)], name);
            }
        }
    }

    private static IReadOnlyList<string>? Own(VrrpNotifySettings settings, string state) => state switch
    {
        Active => settings.Active,
        Backup => settings.Backup,
        Fault => settings.Fault,
        _ => settings.Stop,
    };

    private async Task RunAsync(VrrpNotifySettings settings, IReadOnlyList<string>? command, string name)
    {
        if (command != null && await ChildProgram.RunAsync(command, settings.User, settings.TimeoutMs) is { IsGood: false } bad)
        {
            events.Add("vrrp.notify", $"VRRP group {name}: {command[0]}: {bad.Detail}.", 0);
        }
    }
}
