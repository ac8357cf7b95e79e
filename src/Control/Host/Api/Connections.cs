using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Lists and removes flows: asks the dataplane page by page while its workers run.</summary>
public sealed class Connections(SnapshotCompiler compiler, DataplaneSupervisor supervisor, DirectorState state) : IDisposable
{
    private const int AnswerTimeoutMs = 5_000;

    /// <summary>A page is answered when it has so many flows, or after so long, so that filters that few flows fit do not make thousands of pages.</summary>
    private const int PageFlows = Limits.FlowQueryEntriesMax, PageMs = 500;

    private readonly SemaphoreSlim _one = new(1, 1);

    private delegate void Fit(ref FlowRecord flow, ConnectionView view);

    /// <summary>One page of the flows that fit.</summary>
    public async Task<ConnectionList> ListAsync(ulong cursor, ConnectionFilter filter, CancellationToken cancellation)
    {
        List<ConnectionView> found = [];
        for (long until = Environment.TickCount64 + PageMs; ;)
        {
            await _one.WaitAsync(cancellation);
            try
            {
                Region region = await AskAsync(cursor, cancellation);
                cursor = Read(region, filter, (ref FlowRecord _, ConnectionView view) => found.Add(view));
            }
            finally
            {
                _one.Release();
            }

            if (cursor == 0 || found.Count >= PageFlows || Environment.TickCount64 >= until)
            {
                return new ConnectionList { Connections = found, Next = cursor == 0 ? null : cursor.ToString(CultureInfo.InvariantCulture) };
            }
        }
    }

    /// <summary>Removes all flows that fit, page by page: those that each page lists, while the workers that have them run.</summary>
    public async Task<ConnectionRemoval> RemoveAsync(ConnectionFilter filter, CancellationToken cancellation)
    {
        FlowRemoval removal = filter.NamesState ? FlowRemoval.SameState : FlowRemoval.AnyState;
        ConnectionRemoval done = new();
        ulong cursor = 0;
        do
        {
            await _one.WaitAsync(cancellation);
            try
            {
                Region region = await AskAsync(cursor, cancellation);
                bool any = false;
                cursor = Read(region, filter, (ref FlowRecord flow, ConnectionView _) =>
                {
                    flow.Removal = removal;
                    any = true;
                });
                done.Removed += any ? await RemoveMarkedAsync(region) : 0;
            }
            finally
            {
                _one.Release();
            }
        }
        while (cursor != 0);
        return done;
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private async Task<Region> AskAsync(ulong cursor, CancellationToken cancellation)
    {
        Region region = supervisor.Region ?? throw new ApiException(StatusCodes.Status503ServiceUnavailable, "No dataplane", "There is no dataplane to ask.");
        Ask(region, cursor);
        await UntilAsync(() => Volatile.Read(ref region.FlowQuery.ResponseSequence) == region.FlowQuery.RequestSequence, cancellation);
        return region;
    }

    private static void Ask(Region region, ulong cursor)
    {
        ref FlowQueryBlock query = ref region.FlowQuery;
        query.Cursor = cursor;
        Volatile.Write(ref query.RequestSequence, query.RequestSequence + 1);
    }

    /// <summary>Has the workers remove what is marked. Not to be cancelled: the entries are theirs until all are done.</summary>
    private static async Task<long> RemoveMarkedAsync(Region region)
    {
        ulong before = CountRemoved(region), sequence = region.FlowQuery.RemovalSequence + 1;
        Volatile.Write(ref region.FlowQuery.RemovalSequence, sequence);
        await UntilAsync(() => Enumerable.Range(0, region.Layout.WorkerCount).All(w => Volatile.Read(ref region.Worker(w).RemovalsDone) == sequence), CancellationToken.None);
        return (long)(CountRemoved(region) - before);
    }

    private static ulong CountRemoved(Region region)
    {
        ulong sum = 0;
        for (int worker = 0; worker < region.Layout.WorkerCount; worker++)
        {
            sum += region.Worker(worker).Counters.FlowsRemoved;
        }

        return sum;
    }

    private static async Task UntilAsync(Func<bool> isDone, CancellationToken cancellation)
    {
        for (long until = Environment.TickCount64 + AnswerTimeoutMs; !isDone(); await Task.Delay(1, cancellation))
        {
            if (Environment.TickCount64 > until)
            {
                throw new ApiException(StatusCodes.Status503ServiceUnavailable, "No answer", "The dataplane does not answer; is it running?");
            }
        }
    }

    /// <summary>Shows the flows of an answer that fit. Returns the cursor of the next page, 0 = there is none.</summary>
    private ulong Read(Region region, ConnectionFilter filter, Fit fit)
    {
        Dictionary<int, ServiceKey> services = compiler.Services.Used.ToDictionary(p => p.Value, p => p.Key);
        Dictionary<int, IPEndPoint> servers = compiler.Servers.Used.ToDictionary(p => p.Value, p => new IPEndPoint(p.Key.Address, p.Key.Port));
        SnatFlowViews snat = new(compiler, state.Current.Model);
        ref FlowQueryBlock query = ref region.FlowQuery;
        for (int i = 0; i < (int)query.Count; i++)
        {
            ref FlowRecord flow = ref query.Entries[i];
            if (flow.Service >= FlowRecord.Snat4)
            {
                if (snat.View(flow, filter) is { } view)
                {
                    fit(ref flow, view);
                }
            }
            else if (services.TryGetValue(flow.Service, out ServiceKey key))
            {
                IPEndPoint client = new(Address(flow.ClientHigh, flow.ClientLow, flow.IpVersion), (ushort)IPAddress.NetworkToHostOrder((short)flow.ClientPort));
                IPEndPoint? server = servers.TryGetValue((int)flow.Server, out IPEndPoint? used) && compiler.Servers.Incarnation((int)flow.Server) == flow.Incarnation ? used : null;
                if (filter.Takes(key, client, server, StateOf(flow, key)))
                {
                    fit(ref flow, View(flow, key, client, server));
                }
            }
        }

        return query.NextCursor;
    }

    /// <summary>The dataplane does not say which protocol's state it is.</summary>
    private static FlowState StateOf(in FlowRecord flow, ServiceKey key) => key.Protocol == Protocols.Sctp ? flow.State | FlowState.Sctp : flow.State;

    private static ConnectionView View(FlowRecord flow, ServiceKey key, IPEndPoint client, IPEndPoint? server) => new()
    {
        Protocol = Protocols.NameOf(key.Protocol),
        State = ConnectionFilter.NameOf(StateOf(flow, key)),
        Client = client.ToString(),
        Virtual = new IPEndPoint(key.Address, key.Port).ToString(),
        Server = server?.ToString() ?? ConnectionFilter.RemovedServer,
        ExpiresS = flow.RemainingMs / 1000.0,
        Worker = flow.Worker,
    };

    internal static IPAddress Address(ulong high, ulong low, byte ipVersion)
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, high);
        MemoryMarshal.Write(bytes[8..], low);
        return new IPAddress(ipVersion == 4 ? bytes[..4] : bytes);
    }
}
