using System.Net;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Which flows are meant: those that fit everything that is given.</summary>
public sealed class ConnectionFilter
{
    /// <summary>As <see cref="ConnectionView.Server"/> says it of a flow whose server is gone, and as it is asked for.</summary>
    public const string RemovedServer = "(removed)", Removed = "removed";

    /// <summary>State of an echo, and what a rule of SNAT begins with in the place of a service.</summary>
    public const string Echo = "ECHO", Snat = "snat:";

    /// <summary>Names as IPVS has them; ESTABLISHED is one of TCP and of SCTP.</summary>
    private static readonly Dictionary<FlowState, string> s_names = new()
    {
        [FlowState.SynReceived] = "SYN_RECV", [FlowState.Established] = "ESTABLISHED", [FlowState.FinWait] = "FIN_WAIT", [FlowState.CloseWait] = "CLOSE_WAIT", [FlowState.TimeWait] = "TIME_WAIT",
        [FlowState.Close] = "CLOSE", [FlowState.Udp] = "UDP",
        [FlowState.SctpInit1] = "INIT1", [FlowState.SctpInit] = "INIT", [FlowState.SctpCookieSent] = "C-SENT", [FlowState.SctpCookieReplied] = "C-REPLIED", [FlowState.SctpCookieWait] = "C-WAIT",
        [FlowState.SctpCookie] = "COOKIE", [FlowState.SctpCookieEchoed] = "C-ECHOED", [FlowState.SctpEstablished] = "ESTABLISHED", [FlowState.SctpShutdownSent] = "S-SENT",
        [FlowState.SctpShutdownReceived] = "S-RECEIVED", [FlowState.SctpShutdownAckSent] = "S-ACK-SENT", [FlowState.SctpRejected] = "REJECTED", [FlowState.SctpClosed] = "CLOSED",
    };

    private ServiceKey? _service;
    private string? _rule;
    private (IPAddress Address, int? Port)? _client, _server;
    private bool _removedServer;
    private string? _state;

    /// <summary>Whether it takes every flow.</summary>
    public bool IsEmpty => _service == null && _rule == null && _client == null && _server == null && !_removedServer && _state == null;

    /// <summary>Whether a flow's state matters.</summary>
    public bool NamesState => _state != null;

    /// <summary>Reads it from a query's parameters; null = any.</summary>
    /// <exception cref="ApiException">One of them is not what it should be.</exception>
    public static ConnectionFilter Parse(string? service, string? client, string? server, string? state)
    {
        ConnectionFilter filter = new() { _removedServer = server == Removed };
        if (service?.StartsWith(Snat, StringComparison.Ordinal) == true)
        {
            filter._rule = service[Snat.Length..];
        }
        else if (service != null)
        {
            filter._service = ServiceKey.TryParse(service, out ServiceKey key) ? key : throw Bad("service", service, "tcp:172.16.58.1:80, udp:[fd20::100]:53, sctp:172.16.58.1:3868, or snat: and the name of a rule");
        }

        filter._client = client == null ? null : EndPoint("client", client, "");
        filter._server = server == null || filter._removedServer ? null : EndPoint("server", server, $", or {Removed}");
        filter._state = state is null or Echo || s_names.ContainsValue(state) ? state : throw Bad("state", state, string.Join(", ", s_names.Values.Append(Echo).Distinct()));
        return filter;
    }

    /// <summary>IPVS's name of a state.</summary>
    public static string NameOf(FlowState state) => s_names.GetValueOrDefault(state, "NONE");

    /// <summary>Whether a flow is meant; its server is null if that is gone.</summary>
    public bool Takes(ServiceKey service, IPEndPoint client, IPEndPoint? server, FlowState state) =>
        _rule == null && (_service == null || _service == service) && (_state == null || _state == NameOf(state)) && Is(_client, client)
        && (_removedServer ? server == null : _server == null || (server != null && Is(_server, server)));

    /// <summary>Whether a flow of SNAT is meant; its rule is null if that is gone.</summary>
    public bool TakesSnat(string? rule, IPEndPoint client, IPEndPoint destination, string state) =>
        _service == null && (_rule == null || _rule == rule) && (_state == null || _state == state) && Is(_client, client) && (_removedServer ? rule == null : Is(_server, destination));

    private static bool Is((IPAddress Address, int? Port)? wanted, IPEndPoint end) =>
        wanted == null || (wanted.Value.Address.Equals(end.Address) && (wanted.Value.Port == null || wanted.Value.Port == end.Port));

    private static (IPAddress Address, int? Port) EndPoint(string name, string text, string also) =>
        AddressText.TryParse(text, out IPAddress? address) ? (address, null)
        : AddressText.TryParseEndPoint(text, out IPEndPoint? end) ? (end.Address, end.Port)
        : throw Bad(name, text, $"an address or address:port, for example 172.16.58.7, 172.16.58.7:80, fd20::7 or [fd20::7]:80{also}");

    private static ApiException Bad(string name, string text, string allowed) => ApiException.Invalid(null, $"?{name}={text} is not allowed; allowed are {allowed}.");
}
