using System.Globalization;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// Runs the programs of one VRRP group or sync group: one at a time, in the order of the changes, also when its settings change on the way.
/// </summary>
/// <param name="type">keepalived's word: INSTANCE or GROUP.</param>
/// <param name="name">Name of the group.</param>
/// <param name="events">Told which program failed.</param>
internal sealed class VrrpProgramQueue(string type, string name, EventLog events)
{
    /// <summary>keepalived's words for the states.</summary>
    public const string Active = "MASTER", Backup = "BACKUP", Fault = "FAULT", Stop = "STOP";

    /// <summary>Changes that wait; more are lost, oldest first.</summary>
    private const int ChangesMax = 256;

    private readonly Queue<Change> _waiting = new();
    private bool _isRunning;

    /// <summary>A change, with the programs that the group had in that moment.</summary>
    private readonly record struct Change(VrrpNotifySettings Settings, string State, int Priority);

    /// <summary>Ends when all that was added until now has run.</summary>
    public Task Done { get; private set; } = Task.CompletedTask;

    /// <summary>Adds a change; does not wait.</summary>
    public void Add(VrrpNotifySettings settings, string state, int priority)
    {
        lock (_waiting)
        {
            if (_waiting.Count == ChangesMax)
            {
                _waiting.Dequeue();
            }

            _waiting.Enqueue(new Change(settings, state, priority));
            if (!_isRunning)
            {
                _isRunning = true;
                Done = Task.Run(RunAsync);
            }
        }
    }

    private async Task RunAsync()
    {
        while (TryTake(out Change change))
        {
            VrrpNotifySettings settings = change.Settings;
            await RunAsync(settings, Own(change));
            await RunAsync(settings, settings.Any == null ? null : [.. settings.Any, type, name, change.State, change.Priority.ToString(CultureInfo.InvariantCulture)]);
        }
    }

    private bool TryTake(out Change change)
    {
        lock (_waiting)
        {
            _isRunning = _waiting.TryDequeue(out change);
            return _isRunning;
        }
    }

    private static IReadOnlyList<string>? Own(Change change) => change.State switch
    {
        Active => change.Settings.Active,
        Backup => change.Settings.Backup,
        Fault => change.Settings.Fault,
        _ => change.Settings.Stop,
    };

    private async Task RunAsync(VrrpNotifySettings settings, IReadOnlyList<string>? command)
    {
        if (command != null && await ChildProgram.RunAsync(command, settings.User, settings.TimeoutMs) is { IsGood: false } bad)
        {
            events.Add("vrrp.notify", $"VRRP group {name}: {command[0]}: {bad.Detail}.", 0);
        }
    }
}
