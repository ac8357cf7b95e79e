using System.Net;
using Forwarder.Abi;
using Forwarder.Api;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Checks the pools of source addresses of a desired state, and that services which need one have it.</summary>
internal static class SourcePoolBuilder
{
    public static List<SourcePoolModel> Pools(DesiredState state, IReadOnlyList<InterfaceModel> interfaces, IReadOnlyList<ServiceModel> services)
    {
        HashSet<IPAddress> vips = [.. services.Select(s => s.Key.Address)];
        HashSet<IPAddress> rips = [.. services.SelectMany(s => s.Servers, (_, r) => r.Address)];
        Dictionary<IPAddress, string> taken = [];
        List<SourcePoolModel> pools = new(state.SourcePools.Count);
        for (int i = 0; i < state.SourcePools.Count; i++)
        {
            string at = $"/sourcePools/{i}";
            SourcePoolSettings pool = state.SourcePools[i] ?? throw ApiException.Invalid(at, "null is not allowed in this list.");
            CheckName(pool.Name, $"{at}/name");
            Demand(pools.TrueForAll(p => p.Name != pool.Name), $"{at}/name", $"Source pool \"{pool.Name}\" is given twice.");
            Demand(pool.Addresses.Count > 0, $"{at}/addresses", "A pool has at least one address.");
            List<IPAddress> addresses = new(pool.Addresses.Count);
            for (int a = 0; a < pool.Addresses.Count; a++)
            {
                string where = $"{at}/addresses/{a}";
                IPAddress address = Address(pool.Addresses[a] ?? "", where, "Source address");
                Demand(interfaces.Any(n => n.Addresses.Any(o => o.Network.Contains(address))), where, $"{address} is in no connected network; servers could not answer to it.");
                Demand(!interfaces.Any(n => n.Addresses.Any(o => o.Address.Equals(address))), where, $"{address} is an own address of the director; a source address must be another one.");
                Demand(!vips.Contains(address), where, $"{address} is a VIP; a source address must be another one.");
                Demand(!rips.Contains(address), where, $"{address} is a real server.");
                Demand(taken.TryAdd(address, pool.Name), where, $"{address} is in source pool \"{taken.GetValueOrDefault(address)}\" already.");
                addresses.Add(address);
            }

            pools.Add(new SourcePoolModel(pool.Name, addresses));
        }

        Demand(taken.Count <= state.Dataplane.SourceAddresses, "/sourcePools", $"{taken.Count} source addresses; the dataplane has room for {state.Dataplane.SourceAddresses} (/dataplane/sourceAddresses).");
        return pools;
    }

    /// <summary>Each service with FullNAT servers has a pool with an address of their family.</summary>
    public static void Check(DirectorModel model)
    {
        string names = model.SourcePools.Count == 0 ? "there is none (/sourcePools)" : $"there are {string.Join(", ", model.SourcePools.Select(p => p.Name))}";
        for (int i = 0; i < model.Services.Count; i++)
        {
            ServiceModel service = model.Services[i];
            if (!service.UsesSourcePool && service.SourcePool == null)
            {
                continue;
            }

            SourcePoolModel? pool = model.PoolOf(service);
            string given = service.SourcePool == null ? "FullNAT needs a source pool, and none is named" : $"There is no source pool \"{service.SourcePool}\"";
            Demand(pool != null, $"/services/{i}/sourcePool", $"{given}; {names}.");
            Demand(!service.UsesSourcePool || pool!.Addresses.Any(a => a.AddressFamily == service.SourceExample!.AddressFamily), $"/services/{i}/sourcePool", $"Source pool \"{pool!.Name}\" has no address of the family of {service.SourceExample}.");
        }
    }
}
