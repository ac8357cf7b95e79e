using System.Net;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Shows flows of SNAT: names for slots.</summary>
internal sealed class SnatFlowViews
{
    private const byte Icmp = 1, Icmpv6 = 58;

    private readonly SnapshotCompiler _compiler;
    private readonly Dictionary<int, string> _rules = [];
    private readonly Dictionary<int, IPAddress> _sources;

    public SnatFlowViews(SnapshotCompiler compiler, DirectorModel? model)
    {
        _compiler = compiler;
        _sources = compiler.Sources.Used.ToDictionary(p => p.Value, p => p.Key);
        foreach (SnatRuleModel rule in model?.SnatRules ?? [])
        {
            foreach (SnatPathModel path in rule.Paths)
            {
                if (compiler.Servers.TryFind(rule.ServerKeyOf(path.Gateway.AddressFamily), out int slot))
                {
                    _rules[slot] = rule.Name;
                }
            }
        }
    }

    /// <summary>A flow that fits, or null.</summary>
    public ConnectionView? View(in FlowRecord flow, ConnectionFilter filter)
    {
        bool isEcho = flow.Protocol is Icmp or Icmpv6;
        string? rule = _rules.TryGetValue((int)flow.Server, out string? name) && _compiler.Servers.Incarnation((int)flow.Server) == flow.Incarnation ? name : null;
        string state = isEcho ? ConnectionFilter.Echo : ConnectionFilter.NameOf(flow.Protocol == Protocols.Sctp ? flow.State | FlowState.Sctp : flow.State);
        IPEndPoint client = End(Connections.Address(flow.ClientHigh, flow.ClientLow, flow.IpVersion), flow.ClientPort);
        IPEndPoint destination = End(Connections.Address(flow.DestinationHigh, flow.DestinationLow, flow.IpVersion), flow.DestinationPort);
        return !filter.TakesSnat(rule, client, destination, state) ? null : new ConnectionView
        {
            Protocol = flow.Protocol switch { Icmp => "icmp", Icmpv6 => "icmpv6", _ => Protocols.NameOf(flow.Protocol) },
            State = state, Client = client.ToString(), Server = destination.ToString(), SnatRule = rule ?? ConnectionFilter.RemovedServer,
            Virtual = _sources.TryGetValue(flow.Source, out IPAddress? source) ? End(source, flow.LocalPort).ToString() : ConnectionFilter.RemovedServer,
            ExpiresS = flow.RemainingMs / 1000.0, Worker = flow.Worker,
        };
    }

    private static IPEndPoint End(IPAddress address, ushort port) => new(address, (ushort)IPAddress.NetworkToHostOrder((short)port));
}
