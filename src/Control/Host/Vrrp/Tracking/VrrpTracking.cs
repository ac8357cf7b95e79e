using System.Globalization;
using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>Knows the states of all tracked objects. Taken and looked at by one thread; what it says may be read by any.</summary>
public sealed class VrrpTracking(SnapshotCompiler compiler) : IDisposable
{
    private readonly Dictionary<string, (string Settings, ProgramCheck Check)> _programs = [];
    private readonly WorkerHeartbeats _heartbeats = new();
    private readonly WorkerLoad _load = new();
    private readonly KernelRoutes _routes = new();
    private volatile IReadOnlyDictionary<string, State> _states = new Dictionary<string, State>();
    private volatile Given _given = new([], [], []);
    private Given? _seen;

    /// <summary>Whether an object is up, and more about it.</summary>
    public readonly record struct State(bool IsUp, string? Detail);

    private sealed record Given(IReadOnlyList<VrrpTrackModel> Tracks, IReadOnlyList<ServiceModel> Services, Dictionary<string, int> NextHops);

    /// <summary>Whether a worker stands still, when last looked.</summary>
    public bool IsAnyWorkerStuck { get; private set; }

    /// <summary>Takes up what a model that is in force tracks. Called by the state's owner, after the snapshot was made.</summary>
    public void Take(DirectorModel model)
    {
        HashSet<string> used = [.. model.VrrpGroups.SelectMany(g => g.Tracks).Select(t => t.Track.Name)];
        List<VrrpTrackModel> tracks = [.. model.VrrpTracks.Where(t => used.Contains(t.Name))];
        _given = new Given(tracks, model.Services, tracks.Where(t => t.Address != null).ToDictionary(t => t.Name, t => compiler.NextHops.TryFind((t.Interface, t.Address!), out int slot) ? slot : 0));
    }

    /// <summary>Looks at everything. Without a dataplane what it tells of stays as it was.</summary>
    public void Look(Region? region, long nowMs)
    {
        Given given = _given;
        if (!ReferenceEquals(given, _seen))
        {
            SetPrograms(given.Tracks);
            _seen = given;
        }

        if (region != null)
        {
            IsAnyWorkerStuck = _heartbeats.IsAnyStuck(region);
            if (given.Tracks.Where(t => t.Kind == VrrpTrackKind.Busy).Select(Window).DefaultIfEmpty().Max() is > 0 and int windowMs)
            {
                _load.Sample(region, nowMs, windowMs);
            }
        }

        if (given.Tracks.Count > 0 || _states.Count > 0)
        {
            _states = given.Tracks.ToDictionary(t => t.Name, t => StateOf(t, given, region, nowMs));
        }
    }

    /// <summary>All that counts for a group, as it is now.</summary>
    public VrrpTracker Tracker(IReadOnlyList<VrrpTrackUseModel> uses)
    {
        VrrpTracker tracker = new([.. uses.Select(u => u.Counts)]);
        for (int i = 0; i < uses.Count; i++)
        {
            tracker.ReportState(i, StateOf(uses[i]).IsUp);
        }

        return tracker;
    }

    /// <summary>What the API shows of it.</summary>
    public IReadOnlyList<VrrpTrackView> Views(IReadOnlyList<VrrpTrackUseModel> uses)
    {
        VrrpTracker tracker = Tracker(uses);
        return [.. uses.Select((use, i) => new VrrpTrackView
        {
            Name = use.Track.Name, Kind = use.Track.Settings.Kind, Weight = use.Counts.Weight, Reverse = use.Counts.Reverse,
            Up = StateOf(use).IsUp, Offset = tracker.OffsetOf(i), Fault = tracker.IsFaultOf(i), Detail = StateOf(use).Detail,
        })];
    }

    /// <inheritdoc/>
    public void Dispose() => SetPrograms([]);

    /// <summary>Up until it has been looked at.</summary>
    private State StateOf(VrrpTrackUseModel use) => _states.TryGetValue(use.Track.Name, out State state) ? state : new State(use.Track.Settings.InitFail != true, null);

    private State StateOf(VrrpTrackModel track, Given given, Region? region, long nowMs) => track.Kind switch
    {
        VrrpTrackKind.Program => _programs[track.Name].Check.Now is var now ? new State(now.IsUp, now.Detail) : default,
        VrrpTrackKind.Route => new State(_routes.Has(track.Destination, nowMs), null),
        VrrpTrackKind.Quorum => Quorum(track, given.Services),
        _ when region == null => _states.TryGetValue(track.Name, out State last) ? last : new State(true, null),
        VrrpTrackKind.Link => new State(region.Port(track.Port).LinkUp != 0, null),
        VrrpTrackKind.Neighbour => Neighbour(given.NextHops[track.Name], region),
        VrrpTrackKind.Workers => new State(!IsAnyWorkerStuck, null),
        _ => Busy(track),
    };

    private static State Quorum(VrrpTrackModel track, IReadOnlyList<ServiceModel> services)
    {
        int usable = services.FirstOrDefault(s => s.Key == track.Service)?.Servers.Count(s => s.Weight > 0) ?? 0;
        return new State(usable >= track.Settings.Quorum, $"{usable} real servers");
    }

    /// <summary>A neighbour that is asked for the first time counts as up.</summary>
    private static State Neighbour(int slot, Region region)
    {
        NeighbourState state = NeighbourWord.State(Volatile.Read(ref region.Neighbours[slot]));
        return new State(state != NeighbourState.Failed, state.ToString().ToLowerInvariant());
    }

    private State Busy(VrrpTrackModel track)
    {
        double percent = _load.BusiestPercent(Window(track));
        return new State(percent < track.Settings.BusyPercent, string.Create(CultureInfo.InvariantCulture, $"{percent:0} % busy"));
    }

    private static int Window(VrrpTrackModel track) => track.Settings.WindowMs ?? WorkerLoad.WindowDefaultMs;

    /// <summary>Programs whose settings stay go on.</summary>
    private void SetPrograms(IReadOnlyList<VrrpTrackModel> tracks)
    {
        Dictionary<string, (string Settings, VrrpTrackModel Track)> wanted = tracks.Where(t => t.Kind == VrrpTrackKind.Program)
            .ToDictionary(t => t.Name, t => (JsonSerializer.Serialize(t.Settings with { Weight = 0, Reverse = false }, ApiJson.Default.VrrpTrackSettings), t));
        foreach ((string name, (string settings, ProgramCheck check)) in _programs.Where(p => !wanted.TryGetValue(p.Key, out (string Settings, VrrpTrackModel) w) || w.Settings != p.Value.Settings).ToList())
        {
            check.Dispose();
            _programs.Remove(name);
        }

        foreach ((string name, (string settings, VrrpTrackModel track)) in wanted.Where(w => !_programs.ContainsKey(w.Key)))
        {
            _programs.Add(name, (settings, new ProgramCheck(track.Settings)));
        }
    }
}
