using System.Net;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>A validated interface.</summary>
/// <param name="Name">Name.</param>
/// <param name="Port">Index of the port.</param>
/// <param name="Vlan">VLAN id, 0 = untagged.</param>
/// <param name="MtuBytes">MTU of the port.</param>
/// <param name="Addresses">Own addresses with the network that each is in.</param>
public sealed record InterfaceModel(string Name, int Port, ushort Vlan, int MtuBytes, IReadOnlyList<(IPAddress Address, IPNetwork Network)> Addresses);

/// <summary>What names a virtual service.</summary>
public readonly record struct ServiceKey(byte Protocol, IPAddress Address, int Port)
{
    /// <summary>Reads an id as <see cref="ToString"/> writes it.</summary>
    public static bool TryParse(string id, out ServiceKey key)
    {
        int colon = id.IndexOf(':', StringComparison.Ordinal);
        byte protocol = Protocols.Parse(id.AsSpan(0, Math.Max(colon, 0)));
        bool good = AddressText.TryParseEndPoint(id[(colon + 1)..], out IPEndPoint? endPoint) && protocol != 0;
        key = good ? new ServiceKey(protocol, endPoint!.Address, endPoint.Port) : default;
        return good && key.ToString() == id;
    }

    /// <summary>Id in paths.</summary>
    public override string ToString() => $"{Protocols.NameOf(Protocol)}:{new IPEndPoint(Address, Port)}";
}

/// <summary>What names a real server of a virtual service.</summary>
public readonly record struct ServerKey(ServiceKey Service, IPAddress Address, int Port);

/// <summary>A validated real server.</summary>
/// <param name="Address">RIP.</param>
/// <param name="Port">Its port; with NAT it may differ from the service's.</param>
/// <param name="Weight">Weight; 0 = no new flows.</param>
/// <param name="Interface">Index of the interface that it is reached by.</param>
/// <param name="Method">Forwarding method.</param>
/// <param name="Source">Own address of that interface, of the server's family: source of a tunnel's outer header.</param>
public sealed record ServerModel(IPAddress Address, int Port, int Weight, int Interface, ForwardingMethod Method, IPAddress Source)
{
    /// <summary>Kind of tunnel; null with other methods.</summary>
    public TunnelModel? Tunnel { get; init; }

    /// <summary>Connections at which it gets no new ones, and below which it gets them again; 0 = not set.</summary>
    public int UpperThreshold { get; init; }

    /// <inheritdoc cref="UpperThreshold"/>
    public int LowerThreshold { get; init; }

    /// <summary>Whether IPv6 clients reach it by IPv4 (NAT64).</summary>
    public bool IsNat64 { get; init; }

    /// <summary>Bytes that a tunnel adds to a packet; NAT64 takes as many away as an IPv4 header is shorter.</summary>
    public int OuterBytes => IsNat64 ? -HeaderDifferenceBytes : Tunnel?.OuterBytes(Address) ?? 0;

    private const int HeaderDifferenceBytes = 20;

    /// <summary>What names it in its service.</summary>
    public ServerKey KeyIn(ServiceKey service) => new(service, Address, Port);

    /// <summary>Method by its name in the API.</summary>
    public string MethodName => Method switch { ForwardingMethod.Tunnel => "tunnel", ForwardingMethod.Nat => "nat", ForwardingMethod.FullNat => "fullnat", _ => "dr" };

    /// <summary>Id in paths.</summary>
    public string Id => new IPEndPoint(Address, Port).ToString();
}

/// <summary>A validated virtual service.</summary>
/// <param name="Key">What names it.</param>
/// <param name="Scheduler">Scheduler of new flows.</param>
/// <param name="MaglevTableSize">Entries of its Maglev table.</param>
/// <param name="Servers">Real servers, in the state's order.</param>
/// <param name="SourcePool">Pool of its FullNAT servers; null = the only one.</param>
public sealed record ServiceModel(ServiceKey Key, Scheduler Scheduler, int MaglevTableSize, IReadOnlyList<ServerModel> Servers, string? SourcePool = null)
{
    /// <summary>How its flows begin and end, where it differs from the director's settings.</summary>
    public FlowSettings? Flows { get; init; }

    /// <summary>Time-outs of its flows, where they differ from the director's.</summary>
    public ServiceTimeouts? Timeouts { get; init; }

    /// <summary>Connections at which it takes no new ones; 0 = no limit.</summary>
    public int ConnectionsMax { get; init; }

    /// <summary>How its servers learn the addresses of clients.</summary>
    public ClientAddressMode ClientAddress { get; init; }

    /// <summary>Whether it needs a pool.</summary>
    public bool UsesSourcePool => SourceExample != null;

    /// <summary>An address of the family that its source addresses must be of: one of its FullNAT servers', which all are of one family; null without such.</summary>
    public IPAddress? SourceExample { get; } = Servers.FirstOrDefault(s => s.Method == ForwardingMethod.FullNat)?.Address;
}

/// <summary>A validated pool of source addresses.</summary>
public sealed record SourcePoolModel(string Name, IReadOnlyList<IPAddress> Addresses);

/// <summary>The whole desired state, validated.</summary>
/// <param name="Interfaces">Interfaces, in the state's order.</param>
/// <param name="Timeouts">Time-outs, where a service has no others.</param>
/// <param name="Services">Virtual services, in the state's order.</param>
/// <param name="VrrpGroups">VRRP groups, in the state's order.</param>
public sealed record DirectorModel(IReadOnlyList<InterfaceModel> Interfaces, TimeoutSettings Timeouts, IReadOnlyList<ServiceModel> Services, IReadOnlyList<VrrpGroupModel> VrrpGroups)
{
    /// <summary>What VRRP groups may track, in the state's order.</summary>
    public IReadOnlyList<VrrpTrackModel> VrrpTracks { get; init; } = [];

    /// <summary>How flows begin and end, where a service does not say otherwise.</summary>
    public FlowSettings Flows { get; init; } = new();

    /// <summary>Pools of source addresses, in the state's order.</summary>
    public IReadOnlyList<SourcePoolModel> SourcePools { get; init; } = [];

    /// <summary>Rules of SNAT, in the state's order.</summary>
    public IReadOnlyList<SnatRuleModel> SnatRules { get; init; } = [];

    /// <summary>Source addresses that the dataplane has room for.</summary>
    public int SourceAddressesMax { get; init; } = Limits.SourcesDefault;

    /// <summary>The pool of a service that needs one.</summary>
    public SourcePoolModel? PoolOf(ServiceModel service) => service.SourcePool == null
        ? SourcePools.Count == 1 ? SourcePools[0] : null
        : SourcePools.FirstOrDefault(p => p.Name == service.SourcePool);

    /// <summary>Time-outs of a service as the dataplane has them.</summary>
    public FlowTimeouts TimeoutsOf(ServiceModel service) => ModelBuilder.Timeouts(service.Timeouts?.Over(Timeouts) ?? Timeouts);

    /// <inheritdoc cref="TimeoutsOf(ServiceModel)"/>
    public FlowTimeouts TimeoutsOf(SnatRuleModel rule) => ModelBuilder.Timeouts(rule.Timeouts?.Over(Timeouts) ?? Timeouts);

    /// <summary>Index of the service with this id, or -1.</summary>
    public int Find(string id)
    {
        if (ServiceKey.TryParse(id, out ServiceKey key))
        {
            for (int i = 0; i < Services.Count; i++)
            {
                if (Services[i].Key.Port == key.Port && Services[i].Key == key)
                {
                    return i;
                }
            }
        }

        return -1;
    }
}
