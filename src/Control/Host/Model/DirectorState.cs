using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// The single owner of the desired state. Changes come by an inbox; all that wait are taken together: each is checked by
/// itself, then one snapshot carries them all, and each answer says in which generation its change is in force.
/// </summary>
public sealed class DirectorState(ControlOptions options, StateStore store, SnapshotCompiler compiler, DataplaneSupervisor supervisor, CounterBases counters, EventLog events, ILogger<DirectorState> log) : BackgroundService
{
    private const int BatchMax = 1_024, PublishTimeoutMs = 2_000;

    private sealed record Change(Func<DesiredState, DesiredState> Apply, string? IfMatch, TaskCompletionSource<ChangeResult> Done);

    private readonly Channel<Change> _inbox = Channel.CreateUnbounded<Change>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Dictionary<VirtualService, ServiceModel> _checked = new(ReferenceEqualityComparer.Instance);
    private DesiredState _state = new();
    private DirectorModel? _model;
    private Region? _region;
    private volatile Published _published = new(new DesiredState(), null, "\"0\"", 0);

    /// <summary>What is in force, for readers: state and model of the same moment.</summary>
    public sealed record Published(DesiredState State, DirectorModel? Model, string ETag, ulong Generation);

    /// <summary>What is in force.</summary>
    public Published Current => _published;

    /// <summary>Bytes of the newest snapshot.</summary>
    public long SnapshotBytes { get; private set; }

    /// <summary>Puts a change into the inbox; completes when workers use it, or when it is clear that none run.</summary>
    /// <exception cref="ApiException">The change was refused; nothing of it was applied.</exception>
    public Task<ChangeResult> ChangeAsync(Func<DesiredState, DesiredState> apply, string? ifMatch = null)
    {
        TaskCompletionSource<ChangeResult> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _inbox.Writer.TryWrite(new Change(apply, ifMatch, done));
        return done.Task;
    }

    /// <summary>Loads what is stored and puts it in force.</summary>
    public async Task StartFromStoreAsync()
    {
        DesiredState? stored = store.Load(options.ConfigPath);
        if (stored != null)
        {
            _model = Check(stored);
            _state = stored;
            supervisor.ExceptionAddresses = ExceptionAddresses(stored);
            supervisor.Configure(stored.Dataplane);
            await PublishAsync();
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task watching = supervisor.RunAsync(stoppingToken);
        List<Change> batch = [];
        while (!stoppingToken.IsCancellationRequested && await WaitAsync(stoppingToken))
        {
            batch.Clear();
            while (batch.Count < BatchMax && _inbox.Reader.TryRead(out Change? change))
            {
                batch.Add(change);
            }

            await TakeAsync(batch);
        }

        await watching;
    }

    private async Task<bool> WaitAsync(CancellationToken cancellation)
    {
        try
        {
            return await _inbox.Reader.WaitToReadAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task TakeAsync(List<Change> batch)
    {
        DesiredState before = _state;
        DirectorModel? modelBefore = _model;
        List<Change> good = [];
        foreach (Change change in batch)
        {
            try
            {
                if (change.IfMatch != null && change.IfMatch != "*" && (good.Count > 0 || change.IfMatch != _published.ETag))
                {
                    throw new ApiException(StatusCodes.Status412PreconditionFailed, "Precondition failed", $"The configuration has changed: its ETag is {_published.ETag}, If-Match says {change.IfMatch}.");
                }

                DesiredState next = change.Apply(_state);
                _model = Check(next);
                _state = next;
                good.Add(change);
            }
            catch (Exception e)
            {
                change.Done.SetException(e);
            }
        }

        if (good.Count > 0)
        {
            await FinishAsync(good, before, modelBefore);
        }
    }

    private async Task FinishAsync(List<Change> good, DesiredState before, DirectorModel? modelBefore)
    {
        try
        {
            store.Save(_state);
            supervisor.ExceptionAddresses = ExceptionAddresses(_state);
            if (supervisor.Region == null || !SameDataplane(before.Dataplane, _state.Dataplane))
            {
                supervisor.Configure(_state.Dataplane);
            }

            ChangeResult result = await PublishAsync();
            good.ForEach(c => c.Done.SetResult(result));
        }
        catch (Exception e)
        {
            Log.Failed(log, "A change could not be put in force; the state before it stays.", e);
            (_state, _model) = (before, modelBefore);
            store.Save(_state);
            good.ForEach(c => c.Done.TrySetException(e is ArgumentException or RegionException or InvalidOperationException ? ApiException.Invalid("", e.Message) : e));
        }
    }

    private DirectorModel Check(DesiredState state)
    {
        // Services are immutable: one that has been checked against the same interfaces need not be checked again.
        bool sameInterfaces = ReferenceEquals(state.Interfaces, _state.Interfaces) && ReferenceEquals(state.Dataplane, _state.Dataplane);
        if (!sameInterfaces)
        {
            _checked.Clear();
        }

        DirectorModel model = ModelBuilder.Build(state, _checked);
        if (_checked.Count > (2 * state.Services.Count) + BatchMax)
        {
            _checked.Clear();
        }

        return model;
    }

    private async Task<ChangeResult> PublishAsync()
    {
        Region region = supervisor.Region ?? throw new InvalidOperationException("There is no region.");
        if (!ReferenceEquals(region, _region))
        {
            if (_region == null)
            {
                compiler.Restore(region);
            }

            _region = region;
            counters.Clear();
        }

        SnapshotPublisher publisher = new(region);
        compiler.Servers.Reassigned = slot => counters.Rebase(region, slot);
        SnapshotContent content = compiler.Compile(_model!);
        long bytes = SnapshotWriter.MeasureBytes(content);
        if (bytes > region.Layout.SnapshotSlotBytes)
        {
            throw new ArgumentException($"The snapshot would have {bytes} bytes, a slot of the region has {region.Layout.SnapshotSlotBytes}: give services a smaller maglevTableSize, or raise dataplane.snapshotSlotBytes (at most {Limits.SnapshotSlotBytesMax}).");
        }

        ulong generation;
        for (long until = Environment.TickCount64 + PublishTimeoutMs; !publisher.TryPublish(content, out generation); await Task.Delay(1))
        {
            if (Environment.TickCount64 > until)
            {
                throw new InvalidOperationException("No slot of the region became free: the dataplane does not move on to newer snapshots.");
            }
        }

        SnapshotBytes = bytes;
        _published = new Published(_state, _model, ETagOf(_state), generation);
        bool applied = await IsAppliedAsync(region, publisher, generation);
        events.Add("config.changed", $"Generation {generation}: {_model!.Services.Count} virtual services{(applied ? "" : ", not in force yet")}.", generation);
        return new ChangeResult { Generation = generation, Applied = applied, Note = applied ? null : "The dataplane is not forwarding yet; it takes this up when it does." };
    }

    private async Task<bool> IsAppliedAsync(Region region, SnapshotPublisher publisher, ulong generation)
    {
        // A dataplane that is starting is given the same time.
        for (long until = Environment.TickCount64 + PublishTimeoutMs; Environment.TickCount64 < until; await Task.Delay(1))
        {
            if (Volatile.Read(ref region.Header.RejectedGeneration) == generation)
            {
                throw new InvalidOperationException($"The dataplane refused the snapshot: {(SnapshotFault)region.Header.RejectedFault}, entry {region.Header.RejectedIndex}.");
            }

            if (supervisor.IsForwarding && publisher.AcceptedGeneration >= generation && publisher.IsSeenByAllWorkers(generation))
            {
                return true;
            }

            if (supervisor.Pid == 0)
            {
                return false;
            }
        }

        return false;
    }

    private static bool SameDataplane(DataplaneSettings a, DataplaneSettings b) => ReferenceEquals(a, b)
        || JsonSerializer.Serialize(new DesiredState { Dataplane = a }, ApiJson.Default.DesiredState) == JsonSerializer.Serialize(new DesiredState { Dataplane = b }, ApiJson.Default.DesiredState);

    private static string ETagOf(DesiredState state) =>
        $"\"{System.IO.Hashing.XxHash64.HashToUInt64(JsonSerializer.SerializeToUtf8Bytes(state, ApiJson.Default.DesiredState)).ToString("x16", CultureInfo.InvariantCulture)}\"";

    private static List<(string Device, string Address)> ExceptionAddresses(DesiredState state) =>
    [
        .. from i in state.Interfaces
           where i.Vlan == null
           from p in state.Dataplane.Ports
           where p.Name == i.Port && p.Exception != null
           from a in i.Addresses
           select (p.Exception!, a),
    ];
}
