using System.Net;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Small changes of a desired state, each a new state. What they leave untouched stays the same object.</summary>
public static class Edits
{
    /// <summary>Id of a service as paths have it; of whatever was written, in the usual form.</summary>
    public static string IdOf(VirtualService service) => AddressText.TryParse(service.Address, out IPAddress? address) && service.Port is >= 0 and <= ushort.MaxValue
        ? $"{service.Protocol}:{new IPEndPoint(address, service.Port)}"
        : $"{service.Protocol}:{service.Address}:{service.Port}";

    /// <summary>The whole state anew.</summary>
    public static Edit Replace(DesiredState next) => new(next, "");

    public static Edit AddService(InForce now, VirtualService service) => Find(now, IdOf(service)) < 0
        ? new Edit(now.State with { Services = [.. now.State.Services, service] }, $"/services/{now.State.Services.Count}")
        : throw ApiException.Conflict($"Virtual service {IdOf(service)} exists already.");

    public static Edit PutService(InForce now, string id, VirtualService service)
    {
        if (IdOf(service) != id)
        {
            throw ApiException.Invalid("/address", $"The path names {id}, the body {IdOf(service)}.");
        }

        int at = Find(now, id);
        return at < 0 ? AddService(now, service) : EditService(now.State, at, service);
    }

    public static Edit EditService(InForce now, string id, Func<VirtualService, VirtualService> edit)
    {
        int at = Existing(now, id);
        return EditService(now.State, at, edit(now.State.Services[at]));
    }

    public static Edit RemoveService(InForce now, string id) => new(now.State with { Services = Replace(now.State.Services, Existing(now, id), null) }, null);

    public static Edit RemoveServices(InForce now) => new(now.State with { Services = [] }, null);

    /// <summary>A change of a service's servers; it gives the changed service and the index of the server that the body is about.</summary>
    public static Edit EditServers(InForce now, string id, Func<VirtualService, (VirtualService Next, int Server)> edit)
    {
        int at = Existing(now, id);
        (VirtualService next, int server) = edit(now.State.Services[at]);
        Edit edited = EditService(now.State, at, next);
        return edited with { At = server < 0 ? null : $"{edited.At}/servers/{server}" };
    }

    public static (VirtualService Next, int Server) AddServer(VirtualService service, RealServer server) => FindServer(service, ServerIdOf(service, server)) < 0
        ? (service with { Servers = [.. service.Servers, server] }, service.Servers.Count)
        : throw ApiException.Conflict($"Real server {ServerIdOf(service, server)} exists already in {IdOf(service)}.");

    public static (VirtualService Next, int Server) PutServer(VirtualService service, string id, RealServer server)
    {
        if (ServerIdOf(service, server) != id)
        {
            throw ApiException.Invalid("/address", $"The path names {id}, the body {ServerIdOf(service, server)}.");
        }

        int at = FindServer(service, id);
        return at < 0 ? AddServer(service, server) : (service with { Servers = Replace(service.Servers, at, server) }, at);
    }

    public static (VirtualService Next, int Server) EditServer(VirtualService service, string id, Func<RealServer, RealServer> edit)
    {
        int at = ExistingServer(service, id);
        return (service with { Servers = Replace(service.Servers, at, edit(service.Servers[at])) }, at);
    }

    /// <summary>A real server with a change. A tunnel's kind goes with the method.</summary>
    public static RealServer Changed(RealServer server, RealServerChange change) => server with
    {
        Weight = change.Weight ?? server.Weight, UpperThreshold = change.UpperThreshold ?? server.UpperThreshold, LowerThreshold = change.LowerThreshold ?? server.LowerThreshold,
        Method = change.Method ?? server.Method,
        Tunnel = change.Tunnel ?? ((change.Method ?? server.Method) == "tunnel" ? server.Tunnel : null),
    };

    public static (VirtualService Next, int Server) RemoveServer(VirtualService service, string id) =>
        (service with { Servers = Replace(service.Servers, ExistingServer(service, id), null) }, -1);

    /// <summary>A new rule of SNAT: the last one, or before another one.</summary>
    public static Edit AddSnatRule(InForce now, SnatRule rule, string? before)
    {
        if (FindSnatRule(now, rule.Name) >= 0)
        {
            throw ApiException.Conflict($"Rule of SNAT {rule.Name} exists already.");
        }

        int at = before == null ? now.State.SnatRules.Count : ExistingSnatRule(now, before);
        List<SnatRule> rules = [.. now.State.SnatRules];
        rules.Insert(at, rule);
        return new Edit(now.State with { SnatRules = rules }, $"/snatRules/{at}");
    }

    public static Edit PutSnatRule(InForce now, string name, SnatRule rule)
    {
        if (rule.Name != name)
        {
            throw ApiException.Invalid("/name", $"The path names {name}, the body {rule.Name}.");
        }

        int at = FindSnatRule(now, name);
        return at < 0 ? AddSnatRule(now, rule, before: null) : new Edit(now.State with { SnatRules = Replace(now.State.SnatRules, at, rule) }, $"/snatRules/{at}");
    }

    public static Edit RemoveSnatRule(InForce now, string name) => new(now.State with { SnatRules = Replace(now.State.SnatRules, ExistingSnatRule(now, name), null) }, null);

    private static int ExistingSnatRule(InForce now, string name) => FindSnatRule(now, name) is >= 0 and int at ? at : throw ApiException.NotFound($"There is no rule of SNAT {name}.");

    private static int FindSnatRule(InForce now, string name)
    {
        for (int i = 0; i < now.State.SnatRules.Count; i++)
        {
            if (now.State.SnatRules[i].Name == name)
            {
                return i;
            }
        }

        return -1;
    }

    private static Edit EditService(DesiredState state, int at, VirtualService next) => new(state with { Services = Replace(state.Services, at, next) }, $"/services/{at}");

    private static int Existing(InForce now, string id) => Find(now, id) is >= 0 and int at ? at : throw ApiException.NotFound($"There is no virtual service {id}.");

    private static int ExistingServer(VirtualService service, string id) =>
        FindServer(service, id) is >= 0 and int at ? at : throw ApiException.NotFound($"There is no real server {id} in {IdOf(service)}.");

    private static string ServerIdOf(VirtualService service, RealServer server)
    {
        int port = server.Port is null or 0 ? service.Port : server.Port.Value;
        return AddressText.TryParse(server.Address, out IPAddress? address) && port is >= 0 and <= ushort.MaxValue ? new IPEndPoint(address, port).ToString() : $"{server.Address}:{port}";
    }

    private static int Find(InForce now, string id) => now.Model?.Find(id) ?? -1;

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
