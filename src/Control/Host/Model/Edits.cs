using System.Net;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Small changes of a desired state, each a new state. What they leave untouched stays the same object.</summary>
public static class Edits
{
    /// <summary>Id of a service as paths have it; of whatever was written, in the usual form.</summary>
    public static string IdOf(VirtualService service) => IPAddress.TryParse(service.Address, out IPAddress? address) && service.Port is >= 0 and <= ushort.MaxValue
        ? $"{service.Protocol}:{new IPEndPoint(address, service.Port)}"
        : $"{service.Protocol}:{service.Address}:{service.Port}";

    public static DesiredState AddService(DesiredState state, VirtualService service) => Find(state, IdOf(service)) < 0
        ? state with { Services = [.. state.Services, service] }
        : throw ApiException.Conflict($"Virtual service {IdOf(service)} exists already.");

    public static DesiredState PutService(DesiredState state, string id, VirtualService service)
    {
        if (IdOf(service) != id)
        {
            throw ApiException.Invalid("/address", $"The path names {id}, the body {IdOf(service)}.");
        }

        int at = Find(state, id);
        return at < 0 ? AddService(state, service) : state with { Services = Replace(state.Services, at, service) };
    }

    public static DesiredState EditService(DesiredState state, string id, Func<VirtualService, VirtualService> edit)
    {
        int at = Find(state, id);
        return at < 0 ? throw ApiException.NotFound($"There is no virtual service {id}.") : state with { Services = Replace(state.Services, at, edit(state.Services[at])) };
    }

    public static DesiredState RemoveService(DesiredState state, string id)
    {
        int at = Find(state, id);
        return at < 0 ? throw ApiException.NotFound($"There is no virtual service {id}.") : state with { Services = Replace(state.Services, at, null) };
    }

    public static VirtualService AddServer(VirtualService service, RealServer server) => FindServer(service, ServerIdOf(service, server)) < 0
        ? service with { Servers = [.. service.Servers, server] }
        : throw ApiException.Conflict($"Real server {ServerIdOf(service, server)} exists already in {IdOf(service)}.");

    public static VirtualService PutServer(VirtualService service, string id, RealServer server)
    {
        if (ServerIdOf(service, server) != id)
        {
            throw ApiException.Invalid("/address", $"The path names {id}, the body {ServerIdOf(service, server)}.");
        }

        int at = FindServer(service, id);
        return at < 0 ? AddServer(service, server) : service with { Servers = Replace(service.Servers, at, server) };
    }

    public static VirtualService EditServer(VirtualService service, string id, Func<RealServer, RealServer> edit)
    {
        int at = FindServer(service, id);
        return at < 0 ? throw NoServer(service, id) : service with { Servers = Replace(service.Servers, at, edit(service.Servers[at])) };
    }

    public static VirtualService RemoveServer(VirtualService service, string id)
    {
        int at = FindServer(service, id);
        return at < 0 ? throw NoServer(service, id) : service with { Servers = Replace(service.Servers, at, null) };
    }

    private static ApiException NoServer(VirtualService service, string id) => ApiException.NotFound($"There is no real server {id} in {IdOf(service)}.");

    private static string ServerIdOf(VirtualService service, RealServer server)
    {
        int port = server.Port is null or 0 ? service.Port : server.Port.Value;
        return IPAddress.TryParse(server.Address, out IPAddress? address) && port is >= 0 and <= ushort.MaxValue ? new IPEndPoint(address, port).ToString() : $"{server.Address}:{port}";
    }

    private static int Find(DesiredState state, string id)
    {
        for (int i = 0; i < state.Services.Count; i++)
        {
            if (IdOf(state.Services[i]) == id)
            {
                return i;
            }
        }

        return -1;
    }

    private static int FindServer(VirtualService service, string id)
    {
        for (int i = 0; i < service.Servers.Count; i++)
        {
            if (ServerIdOf(service, service.Servers[i]) == id)
            {
                return i;
            }
        }

        return -1;
    }

    private static List<T> Replace<T>(IReadOnlyList<T> list, int at, T? item)
        where T : class
    {
        List<T> copy = [.. list];
        if (item == null)
        {
            copy.RemoveAt(at);
        }
        else
        {
            copy[at] = item;
        }

        return copy;
    }
}
