using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>How servers learn the addresses of clients: the names that the API has for it, and what each needs.</summary>
internal static class ClientAddresses
{
    /// <summary>Bytes that each takes of a packet of an IPv6 client.</summary>
    private const int ProxyHeader6Bytes = 52, ToaOption6Bytes = 20;

    private const string None = "none", ProxyV2 = "proxyV2", Toa = "toa", Allowed = $"{None}, {ProxyV2} and {Toa}";

    /// <summary>By its name; null = none.</summary>
    /// <exception cref="ApiException">There is no such way, or not for this protocol or one of these servers.</exception>
    public static ClientAddressMode Of(string? name, byte protocol, IPAddress vip, IReadOnlyList<ServerModel> servers, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        ClientAddressMode mode = name switch
        {
            null or None => ClientAddressMode.None,
            ProxyV2 => ClientAddressMode.ProxyV2,
            Toa => ClientAddressMode.Toa,
            _ => throw ApiException.Invalid($"{at}/clientAddress", $"\"{name}\" is not known; allowed are {Allowed}."),
        };
        ModelBuilder.Demand(mode != ClientAddressMode.ProxyV2 || protocol != Protocols.Sctp, $"{at}/clientAddress", $"{name} is for TCP and UDP services alone.");
        ModelBuilder.Demand(mode != ClientAddressMode.Toa || protocol == Protocols.Tcp, $"{at}/clientAddress", $"{name} is for TCP services alone.");
        for (int i = 0; mode != ClientAddressMode.None && i < servers.Count; i++)
        {
            string server = $"Real server {servers[i].Id} has the method {servers[i].MethodName}, and would get no address of a client by {name}";
            ModelBuilder.Demand(servers[i].Method == ForwardingMethod.FullNat, $"{at}/servers/{i}/method", $"{server}; all servers of a service with clientAddress need fullnat.");
            // IPv6 hosts send packets of 1,280 bytes whatever they are told (RFC 8200 section 5).
            InterfaceModel egress = interfaces[servers[i].Interface];
            int least = ModelBuilder.Ipv6MtuMin + (mode == ClientAddressMode.Toa ? ToaOption6Bytes : ProxyHeader6Bytes) + servers[i].OuterBytes;
            ModelBuilder.Demand(vip.AddressFamily == AddressFamily.InterNetwork || egress.MtuBytes >= least, $"{at}/clientAddress", $"{name} with IPv6 clients needs an MTU of at least {least} bytes to {servers[i].Address}; interface {egress.Name} has {egress.MtuBytes}.");
        }

        return mode;
    }

    /// <summary>
    /// A server believes what it is told from the director's source addresses: no service and no rule of SNAT with the same pool may lead to it from these
    /// that does not tell it so. A client of a service that tells nothing could write header or option himself, and so could a host behind SNAT.
    /// </summary>
    /// <exception cref="ApiException">There is such a way.</exception>
    public static void Check(DirectorModel model)
    {
        if (model.Services.All(s => s.ClientAddress == ClientAddressMode.None))
        {
            return;
        }

        CheckServers(model.Services);
        for (int i = 0; i < model.SnatRules.Count; i++)
        {
            CheckPool(model, model.SnatRules[i], $"/snatRules/{i}/sourcePool");
        }
    }

    private static void CheckServers(IReadOnlyList<ServiceModel> services)
    {
        Dictionary<(byte, IPAddress), int> toaOf = [];
        Dictionary<(byte, IPAddress, int), int> firstOf = [];
        foreach ((int i, _, ServerModel server) in FullNatServers(services).Where(s => services[s.Service].ClientAddress == ClientAddressMode.Toa))
        {
            toaOf.TryAdd((services[i].Key.Protocol, server.Address), i);
        }

        foreach ((int i, int n, ServerModel server) in FullNatServers(services))
        {
            byte protocol = services[i].Key.Protocol;
            bool isToa = toaOf.TryGetValue((protocol, server.Address), out int other); // the option is read on all ports of a host
            other = isToa ? other : firstOf.TryAdd((protocol, server.Address, server.Port), i) ? i : firstOf[(protocol, server.Address, server.Port)];
            string elsewhere = isToa ? "another server, as TOA's module reads the option on all ports of a host" : "another port of the server";
            ModelBuilder.Demand(services[other].ClientAddress == services[i].ClientAddress, $"/services/{i}/servers/{n}", $"Real server {server.Id} has clientAddress {NameOf(services[i].ClientAddress)} here and {NameOf(services[other].ClientAddress)} in {services[other].Key} (/services/{other}): clients of one could forge what the server is told in the other. Allowed are the same clientAddress in both services (to change it in both, put the whole configuration), or {elsewhere}.");
        }
    }

    private static IEnumerable<(int Service, int Server, ServerModel Model)> FullNatServers(IReadOnlyList<ServiceModel> services) =>
        services.SelectMany((service, i) => service.Servers.Select((server, n) => (i, n, server))).Where(s => s.server.Method == ForwardingMethod.FullNat);

    private static void CheckPool(DirectorModel model, SnatRuleModel rule, string at)
    {
        foreach (ServiceModel service in model.Services.Where(s => s.ClientAddress != ClientAddressMode.None && s.UsesSourcePool && model.PoolOf(s)!.Name == rule.SourcePool))
        {
            bool isShared = rule.Paths.Any(p => p.Gateway.AddressFamily == service.SourceExample!.AddressFamily);
            ModelBuilder.Demand(!isShared, at, $"Rule \"{rule.Name}\" and service {service.Key} with clientAddress {NameOf(service.ClientAddress)} have the same source pool, \"{rule.SourcePool}\": inside hosts could forge what the service's real servers are told from its addresses. Allowed is a pool of its own for one of them.");
        }
    }

    /// <summary>Its name in the API.</summary>
    public static string NameOf(ClientAddressMode mode) => mode switch { ClientAddressMode.ProxyV2 => ProxyV2, ClientAddressMode.Toa => Toa, _ => None };
}
