using System.Net;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Lists flows: asks the dataplane page by page while its workers run.</summary>
public sealed class Connections(SnapshotCompiler compiler, DataplaneSupervisor supervisor) : IDisposable
{
    private const int AnswerTimeoutMs = 5_000;

    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>One page of flows; filters by service id and client address.</summary>
    public async Task<ConnectionList> ListAsync(ulong cursor, string? service, string? client, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            Region region = supervisor.Region ?? throw new ApiException(StatusCodes.Status503ServiceUnavailable, "No dataplane", "There is no dataplane to ask.");
            Ask(region, cursor);
            for (long until = Environment.TickCount64 + AnswerTimeoutMs; Volatile.Read(ref region.FlowQuery.ResponseSequence) != region.FlowQuery.RequestSequence; await Task.Delay(1, cancellation))
            {
                if (Environment.TickCount64 > until)
                {
                    throw new ApiException(StatusCodes.Status503ServiceUnavailable, "No answer", "The dataplane does not answer; is it running?");
                }
            }

            return Read(region, service, client);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private static void Ask(Region region, ulong cursor)
    {
        ref FlowQueryBlock query = ref region.FlowQuery;
        query.Cursor = cursor;
        Volatile.Write(ref query.RequestSequence, query.RequestSequence + 1);
    }

    private ConnectionList Read(Region region, string? service, string? client)
    {
        Dictionary<int, ServiceKey> services = compiler.Services.Used.ToDictionary(p => p.Value, p => p.Key);
        Dictionary<int, IPEndPoint> servers = compiler.Servers.Used.ToDictionary(p => p.Value, p => new IPEndPoint(p.Key.Address, p.Key.Port));
        ref FlowQueryBlock query = ref region.FlowQuery;
        List<ConnectionView> found = [];
        for (int i = 0; i < (int)query.Count; i++)
        {
            FlowRecord flow = query.Entries[i];
            if (services.TryGetValue(flow.Service, out ServiceKey key) && (service == null || service == key.ToString()))
            {
                IPAddress address = Address(flow);
                if (client == null || client == address.ToString())
                {
                    found.Add(View(flow, key, address, servers.GetValueOrDefault((int)flow.Server)));
                }
            }
        }

        return new ConnectionList { Connections = found, Next = query.NextCursor == 0 ? null : query.NextCursor.ToString(System.Globalization.CultureInfo.InvariantCulture) };
    }

    private static ConnectionView View(FlowRecord flow, ServiceKey key, IPAddress client, IPEndPoint? server) => new()
    {
        Protocol = key.Protocol == 6 ? "tcp" : "udp",
        State = flow.State switch { FlowState.SynReceived => "SYN_RECV", FlowState.Established => "ESTABLISHED", FlowState.FinWait => "FIN_WAIT", FlowState.CloseWait => "CLOSE_WAIT", FlowState.TimeWait => "TIME_WAIT", FlowState.Close => "CLOSE", _ => "UDP" },
        Client = new IPEndPoint(client, (ushort)IPAddress.NetworkToHostOrder((short)flow.ClientPort)).ToString(),
        Virtual = new IPEndPoint(key.Address, key.Port).ToString(),
        Server = server == null ? "(removed)" : server.ToString(),
        ExpiresS = flow.RemainingMs / 1000.0,
        Worker = flow.Worker,
    };

    private static IPAddress Address(FlowRecord flow)
    {
        Span<byte> bytes = stackalloc byte[16];
        MemoryMarshal.Write(bytes, flow.ClientHigh);
        MemoryMarshal.Write(bytes[8..], flow.ClientLow);
        return new IPAddress(flow.IpVersion == 4 ? bytes[..4] : bytes);
    }
}
