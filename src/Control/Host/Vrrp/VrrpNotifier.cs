using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Runs the operator's programs when groups and sync groups change their states. Groups are known by their ids: one that is changed
/// is another group with the same name, and its predecessor is still to stop.
/// Changes come from the loop's thread, which is not kept waiting.
/// </summary>
public sealed class VrrpNotifier(EventLog events)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, Hook> _groups = [];
    private readonly Dictionary<string, Hook> _syncGroups = [];
    private readonly Dictionary<(string Type, string Name), VrrpProgramQueue> _queues = [];

    /// <summary>A group or sync group, its state and its programs.</summary>
    private sealed class Hook(string type, string name, string key)
    {
        /// <summary>Who waits for the programs of another: the next one of the same name.</summary>
        public (string Type, string Name) Queue => (type, name);

        /// <summary>Of a sync group: one with other members is another one.</summary>
        public string Key => key;

        public VrrpNotifySettings? Settings { get; set; }

        public string State { get; set; } = "";

        /// <summary>Of a group.</summary>
        public Hook? SyncGroup { get; set; }

        /// <summary>Of a sync group.</summary>
        public HashSet<Hook> Members { get; } = [];

        /// <summary>Not in the configuration any more, but has still to stop.</summary>
        public bool IsGone { get; set; }
    }

    /// <summary>Takes up the programs of groups that are in force, with their ids. A group that goes has its stop told by the programs that it had.</summary>
    public void Take(IReadOnlyList<(int Id, VrrpGroupModel Model)> groups)
    {
        lock (_lock)
        {
            foreach ((int id, VrrpGroupModel model) in groups)
            {
                if (!_groups.TryGetValue(id, out Hook? hook))
                {
                    hook = new Hook("INSTANCE", model.Name, "");
                    _groups.Add(id, hook);
                }

                (hook.Settings, hook.IsGone) = (model.Settings.Notify, false);
                hook.SyncGroup = model.SyncGroup == null ? null : Join(hook, model.SyncGroup);
            }

            foreach ((int id, Hook hook) in _groups.ExceptBy(groups.Select(g => g.Id), g => g.Key).ToList())
            {
                hook.IsGone = true;
                RemoveIfStopped(id, hook);
            }

            foreach ((string Type, string Name) idle in _queues.Where(q => q.Value.Done.IsCompleted).Select(q => q.Key).ToList())
            {
                _queues.Remove(idle);
            }
        }
    }

    /// <summary>A group has changed its state.</summary>
    public void Changed(int id, VrrpState state, VrrpReason reason, int priority)
    {
        lock (_lock)
        {
            if (!_groups.TryGetValue(id, out Hook? hook))
            {
                return;
            }

            Tell(hook, Word(state, reason), priority);
            if (hook.SyncGroup is { } sync && Together(sync) is { } together && together != sync.State)
            {
                Tell(sync, together, 0);
            }

            RemoveIfStopped(id, hook);
        }
    }

    /// <summary>Ends when all programs have run for what has happened until now.</summary>
    public async Task DrainAsync()
    {
        List<Task> all;
        lock (_lock)
        {
            all = [.. _queues.Values.Select(q => q.Done)];
            _groups.Clear();
            _syncGroups.Clear();
            _queues.Clear();
        }

        await Task.WhenAll(all);
    }

    private static string Word(VrrpState state, VrrpReason reason) => state switch
    {
        VrrpState.Active => VrrpProgramQueue.Active,
        VrrpState.Backup => VrrpProgramQueue.Backup,
        _ => reason == VrrpReason.Shutdown ? VrrpProgramQueue.Stop : VrrpProgramQueue.Fault,
    };

    /// <summary>What a sync group has come to; null while its members are on their way.</summary>
    private static string? Together(Hook sync)
    {
        string[] states = [.. sync.Members.Select(m => m.State).Distinct()];
        return states.Contains(VrrpProgramQueue.Stop) ? VrrpProgramQueue.Stop : states.Contains(VrrpProgramQueue.Fault) ? VrrpProgramQueue.Fault : states.Length == 1 ? states[0] : null;
    }

    /// <summary>The sync group of a group, with it as a member.</summary>
    private Hook Join(Hook hook, VrrpSyncGroupSettings settings)
    {
        string key = string.Join(' ', [settings.Name, .. settings.Groups]);
        if (!_syncGroups.TryGetValue(key, out Hook? sync))
        {
            sync = new Hook("GROUP", settings.Name, key);
            _syncGroups.Add(key, sync);
        }

        sync.Settings = settings.Notify;
        sync.Members.Add(hook);
        return sync;
    }

    private void Tell(Hook hook, string state, int priority)
    {
        hook.State = state;
        if (hook.Settings is { } settings)
        {
            if (!_queues.TryGetValue(hook.Queue, out VrrpProgramQueue? queue))
            {
                queue = new VrrpProgramQueue(hook.Queue.Type, hook.Queue.Name, events);
                _queues.Add(hook.Queue, queue);
            }

            queue.Add(settings, state, priority);
        }
    }

    /// <summary>A group that goes is forgotten when it has stopped, or at once if it has never run; a sync group with its last member.</summary>
    private void RemoveIfStopped(int id, Hook hook)
    {
        if (!hook.IsGone || hook.State is not ("" or VrrpProgramQueue.Stop))
        {
            return;
        }

        _groups.Remove(id);
        if (hook.SyncGroup is { } sync && sync.Members.Remove(hook) && sync.Members.Count == 0)
        {
            _syncGroups.Remove(sync.Key);
        }
    }
}
