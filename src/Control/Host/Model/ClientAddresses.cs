using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>How servers learn the addresses of clients: the names that the API has for it, and what each needs.</summary>
internal static class ClientAddresses
{
    private const string None = "none", ProxyV2 = "proxyV2", Allowed = $"{None} and {ProxyV2}";

    /// <summary>By its name; null = none.</summary>
    /// <exception cref="ApiException">There is no such way, or not for this protocol or one of these servers.</exception>
    public static ClientAddressMode Of(string? name, byte protocol, IReadOnlyList<ServerModel> servers, string at)
    {
        ClientAddressMode mode = name switch
        {
            null or None => ClientAddressMode.None,
            ProxyV2 => ClientAddressMode.ProxyV2,
            _ => throw ApiException.Invalid($"{at}/clientAddress", $"\"{name}\" is not known; allowed are {Allowed}."),
        };
        ModelBuilder.Demand(mode == ClientAddressMode.None || protocol == Protocols.Tcp, $"{at}/clientAddress", $"{name} is for TCP services alone.");
        for (int i = 0; mode != ClientAddressMode.None && i < servers.Count; i++)
        {
            string server = $"Real server {servers[i].Id} has the method {servers[i].MethodName}, and would get no address of a client by {name}";
            ModelBuilder.Demand(servers[i].Method == ForwardingMethod.FullNat, $"{at}/servers/{i}/method", $"{server}; all servers of a service with clientAddress need fullnat.");
        }

        return mode;
    }

    /// <summary>Its name in the API.</summary>
    public static string NameOf(ClientAddressMode mode) => mode == ClientAddressMode.ProxyV2 ? ProxyV2 : None;
}
