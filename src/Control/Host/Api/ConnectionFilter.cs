using System.Net;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Which flows are meant: those that fit everything that is given.</summary>
public sealed class ConnectionFilter
{
    /// <summary>As <see cref="ConnectionView.Server"/> says it of a flow whose server is gone, and as it is asked for.</summary>
    public const string RemovedServer = "(removed)", Removed = "removed";

    private static readonly Dictionary<string, FlowState> s_states = new()
    {
        ["SYN_RECV"] = FlowState.SynReceived, ["ESTABLISHED"] = FlowState.Established, ["FIN_WAIT"] = FlowState.FinWait, ["CLOSE_WAIT"] = FlowState.CloseWait, ["TIME_WAIT"] = FlowState.TimeWait,
        ["CLOSE"] = FlowState.Close, ["UDP"] = FlowState.Udp,
    };

    private static readonly Dictionary<FlowState, string> s_names = s_states.ToDictionary(s => s.Value, s => s.Key);

    private ServiceKey? _service;
    private (IPAddress Address, int? Port)? _client, _server;
    private bool _removedServer;
    private FlowState _state;

    /// <summary>Whether it takes every flow.</summary>
    public bool IsEmpty => _service == null && _client == null && _server == null && !_removedServer && _state == FlowState.None;

    /// <summary>Whether a flow's state matters.</summary>
    public bool NamesState => _state != FlowState.None;

    /// <summary>Reads it from a query's parameters; null = any.</summary>
    /// <exception cref="ApiException">One of them is not what it should be.</exception>
    public static ConnectionFilter Parse(string? service, string? client, string? server, string? state)
    {
        ConnectionFilter filter = new() { _removedServer = server == Removed };
        if (service != null)
        {
            filter._service = ServiceKey.TryParse(service, out ServiceKey key) ? key : throw Bad("service", service, "tcp:172.16.58.1:80 or udp:[fd20::100]:53");
        }

        filter._client = client == null ? null : EndPoint("client", client, "");
        filter._server = server == null || filter._removedServer ? null : EndPoint("server", server, $", or {Removed}");
        if (state != null)
        {
            filter._state = s_states.TryGetValue(state, out FlowState known) ? known : throw Bad("state", state, string.Join(", ", s_states.Keys));
        }

        return filter;
    }

    /// <summary>IPVS's name of a state.</summary>
    public static string NameOf(FlowState state) => s_names.GetValueOrDefault(state, "NONE");

    /// <summary>Whether a flow is meant; its server is null if that is gone.</summary>
    public bool Takes(ServiceKey service, IPEndPoint client, IPEndPoint? server, FlowState state) =>
        (_service == null || _service == service) && (_state == FlowState.None || _state == state) && Is(_client, client)
        && (_removedServer ? server == null : _server == null || (server != null && Is(_server, server)));

    private static bool Is((IPAddress Address, int? Port)? wanted, IPEndPoint end) =>
        wanted == null || (wanted.Value.Address.Equals(end.Address) && (wanted.Value.Port == null || wanted.Value.Port == end.Port));

    private static (IPAddress Address, int? Port) EndPoint(string name, string text, string also) =>
        AddressText.TryParse(text, out IPAddress? address) ? (address, null)
        : AddressText.TryParseEndPoint(text, out IPEndPoint? end) ? (end.Address, end.Port)
        : throw Bad(name, text, $"an address or address:port, for example 172.16.58.7, 172.16.58.7:80, fd20::7 or [fd20::7]:80{also}");

    private static ApiException Bad(string name, string text, string allowed) => ApiException.Invalid(null, $"?{name}={text} is not allowed; allowed are {allowed}.");
}
