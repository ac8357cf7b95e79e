using System.Threading.Channels;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// The single owner of the desired state. Changes come by an inbox; all that wait are taken together: each is checked by
/// itself, then one snapshot carries them all, and each answer says in which generation its change is in force. A change
/// that fails at any step leaves the state, its file, the region and the dataplane's settings as they were.
/// </summary>
public sealed class DirectorState(ControlOptions options, StateStore store, StateText text, Deployment deployment, DataplaneSupervisor supervisor, VrrpService vrrp, EventLog events, ILogger<DirectorState> log) : BackgroundService
{
    private const int BatchMax = 1_024;

    private sealed record Change(Func<InForce, Edit> Apply, string? IfMatch, TaskCompletionSource<ChangeResult> Done);

    private readonly Channel<Change> _inbox = Channel.CreateUnbounded<Change>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CheckedServices _checked = new();
    private InForce _inForce = new(new DesiredState(), null);
    private volatile Published _published = new(new DesiredState(), null, "\"0\"", 0);

    /// <summary>What is in force, for readers: state and model of the same moment.</summary>
    public sealed record Published(DesiredState State, DirectorModel? Model, string ETag, ulong Generation);

    /// <summary>What is in force.</summary>
    public Published Current => _published;

    /// <summary>Bytes of the newest snapshot.</summary>
    public long SnapshotBytes { get; private set; }

    /// <summary>Puts a change into the inbox; completes when workers use it, or when it is clear that none run.</summary>
    /// <exception cref="ApiException">The change was refused; nothing of it was applied.</exception>
    public Task<ChangeResult> ChangeAsync(Func<InForce, Edit> apply, string? ifMatch = null)
    {
        TaskCompletionSource<ChangeResult> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_inbox.Writer.TryWrite(new Change(apply, ifMatch, done)))
        {
            done.SetException(Stopping());
        }

        return done.Task;
    }

    /// <summary>Loads what is stored and puts it in force.</summary>
    public async Task StartFromStoreAsync()
    {
        if (store.Load(options.ConfigPath) is { } stored)
        {
            InForce next = new(stored, Build(stored));
            Take(next, await deployment.PutAsync(stored, deployment.Compile(next)));
        }
    }

    private DirectorModel Build(DesiredState stored)
    {
        try
        {
            return ModelBuilder.Build(stored, _checked);
        }
        catch (ApiException e)
        {
            throw new ApiException(e.Status, e.Title, $"{e.Message} (in {store.PathOf(options.ConfigPath)})", e.Pointer);
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

        _inbox.Writer.Complete();
        while (_inbox.Reader.TryRead(out Change? change))
        {
            change.Done.SetException(Stopping());
        }

        await watching;
    }

    private static ApiException Stopping() => ApiException.Unavailable("Control is stopping.");

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
        InForce next = _inForce;
        List<Change> good = [];
        foreach (Change change in batch)
        {
            try
            {
                CheckMatch(change, isFirst: good.Count == 0);
                next = Apply(change, next);
                good.Add(change);
            }
            catch (Exception e)
            {
                change.Done.SetException(e);
            }
        }

        if (good.Count > 0)
        {
            await FinishAsync(good, next);
        }
    }

    private void CheckMatch(Change change, bool isFirst)
    {
        // RFC 9110 section 13.1.1: "*", or a list of tags.
        bool matches = change.IfMatch is null or "*" || (isFirst && change.IfMatch.Split(',', StringSplitOptions.TrimEntries).Contains(_published.ETag));
        if (!matches)
        {
            throw new ApiException(StatusCodes.Status412PreconditionFailed, "Precondition failed", $"The configuration has changed: its ETag is {_published.ETag}, If-Match says {change.IfMatch}.");
        }
    }

    private InForce Apply(Change change, InForce before)
    {
        Edit edit = change.Apply(before);
        try
        {
            return new InForce(edit.Next, ModelBuilder.Build(edit.Next, _checked));
        }
        catch (ApiException e)
        {
            throw edit.Localize(e);
        }
    }

    private async Task FinishAsync(List<Change> good, InForce next)
    {
        InForce before = _inForce;
        try
        {
            ChangeResult result = await PutInForceAsync(next);
            good.ForEach(c => c.Done.SetResult(result));
        }
        catch (Exception e)
        {
            Log.NotInForce(log, e.Message);
            await PutBackAsync(before);
            if (good.Count == 1)
            {
                good[0].Done.SetException(Explain(good[0], before, e));
                return;
            }

            // One of them stands in the way; alone, each says for itself whether it is the one.
            foreach (Change change in good)
            {
                await TakeAsync([change]);
            }
        }
    }

    /// <summary>Compiles (what does not fit is refused here), writes the file beside the old one, publishes, and only then replaces the old file.</summary>
    private async Task<ChangeResult> PutInForceAsync(InForce next)
    {
        SnapshotContent content = deployment.Compile(next);
        store.Prepare(next.State);
        Deployment.Outcome outcome = await deployment.PutAsync(next.State, content, mustStart: true);
        string? doubt = store.Commit();
        Take(next, outcome);
        events.Add("config.changed", $"Generation {outcome.Generation}: {next.Model!.Services.Count} virtual services{(outcome.Applied ? "" : ", not in force yet")}.", outcome.Generation);
        return new ChangeResult { Generation = outcome.Generation, Applied = outcome.Applied, Note = doubt ?? (outcome.Applied ? null : "The dataplane is not forwarding yet; it takes this up when it does.") };
    }

    private async Task PutBackAsync(InForce before)
    {
        try
        {
            store.Discard();
            if (await deployment.PutBackAsync(before) is { } outcome)
            {
                Take(before, outcome);
            }
        }
        catch (Exception e)
        {
            Log.Failed(log, "What was in force before cannot be put back.", e);
        }
    }

    private void Take(InForce next, Deployment.Outcome outcome)
    {
        _inForce = next;
        vrrp.Take(next.Model!);
        SnapshotBytes = outcome.Bytes;
        _published = new Published(next.State, next.Model, text.ETagOf(next.State), outcome.Generation);
    }

    private static Exception Explain(Change change, InForce before, Exception e) => e switch
    {
        ApiException api => change.Apply(before).Localize(api),
        RegionException or IOException or UnauthorizedAccessException => new ApiException(StatusCodes.Status500InternalServerError, "Not stored", e.Message),
        _ => e,
    };
}
