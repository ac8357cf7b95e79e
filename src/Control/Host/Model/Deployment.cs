using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// Puts a state in force: region and dataplane as its settings need them, then its snapshot. What can be refused is refused
/// by <see cref="Compile"/>, which touches nothing. Not thread-safe: the state's owner uses it.
/// </summary>
public sealed class Deployment(SnapshotCompiler compiler, DataplaneSupervisor supervisor, CounterBases counters)
{
    private const int PublishTimeoutMs = 2_000, ApplyTimeoutMs = 2_000, StartTimeoutMs = 5_000;

    private Region? _region;
    private bool _restored;
    private DataplaneSettings? _configured;
    private DesiredState? _published;

    /// <summary>What a snapshot has become.</summary>
    /// <param name="Generation">Its generation.</param>
    /// <param name="Applied">Whether workers use it.</param>
    /// <param name="Bytes">Its length.</param>
    public readonly record struct Outcome(ulong Generation, bool Applied, long Bytes);

    /// <summary>Compiles a state.</summary>
    /// <exception cref="ApiException">422: its snapshot would not fit the region that its settings ask for.</exception>
    public SnapshotContent Compile(InForce next)
    {
        if (!_restored)
        {
            supervisor.Attach();
            if (supervisor.Region is { } region)
            {
                compiler.Restore(region);
            }

            _restored = true;
        }

        compiler.Servers.Reassigned = Rebase;
        SnapshotContent content = compiler.Compile(next.Model!);
        long bytes = SnapshotWriter.MeasureBytes(content), slotBytes = DataplanePlan.Layout(next.State.Dataplane).SnapshotSlotBytes;
        if (bytes > slotBytes)
        {
            throw ApiException.Invalid(
                next.State.Dataplane.SnapshotSlotBytes == null ? "/services" : "/dataplane/snapshotSlotBytes",
                $"The snapshot would have {bytes} bytes, a slot of the region has {slotBytes}: give services a smaller maglevTableSize, or raise dataplane.snapshotSlotBytes (at most {Limits.SnapshotSlotBytesMax}).");
        }

        return content;
    }

    /// <summary>Puts a compiled state in force; returns when workers use it, or when it is clear that none run.</summary>
    /// <param name="state">The state.</param>
    /// <param name="content">What <see cref="Compile"/> made of it.</param>
    /// <param name="mustStart">Whether settings with which the dataplane does not start are refused; otherwise it is tried again and again.</param>
    /// <exception cref="ApiException">The dataplane refuses it, does not start with it, or does not move on.</exception>
    /// <exception cref="RegionException">The region cannot be made.</exception>
    /// <exception cref="IOException">A file in the run folder cannot be written.</exception>
    public async Task<Outcome> PutAsync(DesiredState state, SnapshotContent content, bool mustStart = false)
    {
        mustStart &= Configure(state);
        Region region = supervisor.Region!;
        if (!ReferenceEquals(region, _region))
        {
            _region = region;
            counters.Clear();
            region.Leases.Clear(); // a control that has just come up owns nothing until it is elected
        }

        SnapshotPublisher publisher = new(region);
        ulong generation;
        for (long until = Environment.TickCount64 + PublishTimeoutMs; !publisher.TryPublish(content, out generation); await Task.Delay(1))
        {
            if (Environment.TickCount64 > until)
            {
                throw ApiException.Unavailable("No slot of the region became free: the dataplane does not move on to newer snapshots.");
            }
        }

        _published = state;
        return new Outcome(generation, await IsAppliedAsync(region, publisher, generation, mustStart), SnapshotWriter.MeasureBytes(content));
    }

    /// <summary>
    /// Puts back what was in force when <see cref="PutAsync"/> has failed half-way. Null if nothing had to be published.
    /// </summary>
    public async Task<Outcome?> PutBackAsync(InForce before)
    {
        if (before.Model == null)
        {
            supervisor.Clear();
            (_configured, _published, _region) = (null, null, null);
            return null;
        }

        bool touched = !ReferenceEquals(_published, before.State) || _configured == null || !Same(_configured, before.State.Dataplane);
        return touched ? await PutAsync(before.State, Compile(before)) : null;
    }

    /// <summary>Gives the dataplane its settings; false if it has them already.</summary>
    private bool Configure(DesiredState state)
    {
        supervisor.ExceptionAddresses = ExceptionAddresses(state);
        if (supervisor.Region != null && _configured != null && Same(_configured, state.Dataplane))
        {
            return false;
        }

        _configured = null;
        supervisor.Configure(state.Dataplane);
        _configured = state.Dataplane;
        return true;
    }

    private async Task<bool> IsAppliedAsync(Region region, SnapshotPublisher publisher, ulong generation, bool mustStart)
    {
        for (long until = Environment.TickCount64 + (mustStart ? StartTimeoutMs : ApplyTimeoutMs); Environment.TickCount64 < until; await Task.Delay(1))
        {
            if (Volatile.Read(ref region.Header.RejectedGeneration) == generation)
            {
                throw ApiException.Invalid(null, $"The dataplane refused the snapshot: {(SnapshotFault)region.Header.RejectedFault}, entry {region.Header.RejectedIndex}.");
            }

            if (mustStart && supervisor.LastEnd is { } why)
            {
                throw ApiException.Invalid("/dataplane", $"The dataplane does not start with these settings: {why}");
            }

            if (supervisor.IsForwarding && publisher.AcceptedGeneration >= generation && publisher.IsSeenByAllWorkers(generation))
            {
                return true;
            }

            if (supervisor.Pid == 0 && !(mustStart && supervisor.LastEnd != null))
            {
                return false;
            }
        }

        return false;
    }

    private void Rebase(int slot)
    {
        if (supervisor.Region is { } region)
        {
            counters.Rebase(region, slot);
        }
    }

    private static bool Same(DataplaneSettings a, DataplaneSettings b) => ReferenceEquals(a, b)
        || JsonSerializer.Serialize(new DesiredState { Dataplane = a }, ApiJson.Default.DesiredState) == JsonSerializer.Serialize(new DesiredState { Dataplane = b }, ApiJson.Default.DesiredState);

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
