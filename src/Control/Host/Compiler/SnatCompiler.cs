using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>
/// Puts rules of SNAT into a snapshot: for each family of a rule an entry with its prefixes, and a service and a server that carry its
/// pool, time-outs, next hop, counts and flows. They have slots like others, so that flows survive what does not touch their rule.
/// </summary>
internal sealed class SnatCompiler(SlotAllocator<ServiceKey> services, SlotAllocator<ServerKey> servers, NextHopTable nextHops)
{
    private static readonly SnatRange s_all4 = SnatRange.Of(new IPNetwork(IPAddress.Any, 0)), s_all6 = SnatRange.Of(new IPNetwork(IPAddress.IPv6Any, 0));

    private HashSet<ServerKey>? _used;

    /// <summary>Adds all rules of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="content">Where pools are already.</param>
    /// <param name="poolOf">Where the addresses of a pool and family are.</param>
    /// <param name="rulesOf">Number of the set of a rule's time-outs, and its flags.</param>
    public void AddTo(DirectorModel model, SnapshotContent content, Func<string, byte, (uint First, uint Count)> poolOf, Func<SnatRuleModel, (byte Timeouts, ServiceFlags Flags)> rulesOf)
    {
        if (model.SnatRules.Count == 0)
        {
            return;
        }

        Indexes of4 = Indexes.Make(model, AddressFamily.InterNetwork), of6 = Indexes.Make(model, AddressFamily.InterNetworkV6);
        foreach (SnatRuleModel rule in model.SnatRules)
        {
            foreach (SnatPathModel path in rule.Paths)
            {
                AddAddresses(rule, path, content.SnatRules.Count, Family(path) == 4 ? of4 : of6);
                Add(model, rule, path, poolOf(rule.SourcePool, Family(path)), rulesOf(rule), content);
            }
        }

        Dictionary<SnatSetEntry, uint> indexOf = [];
        of4.Sources.WriteTo(content.SnatSources4, content.SnatSets, indexOf);
        of4.Destinations.WriteTo(content.SnatDestinations4, content.SnatSets, indexOf);
        of6.Sources.WriteTo(content.SnatSources6, content.SnatSets, indexOf);
        of6.Destinations.WriteTo(content.SnatDestinations6, content.SnatSets, indexOf);
    }

    private static byte Family(SnatPathModel path) => path.Gateway.AddressFamily == AddressFamily.InterNetwork ? (byte)4 : (byte)6;

    /// <summary>Frees the slots of rules that are not in the model any more. To be called before others take theirs, who may need them.</summary>
    public void Free(DirectorModel model)
    {
        HashSet<ServerKey> wanted = [.. model.SnatRules.SelectMany(r => r.Paths, (r, p) => r.ServerKeyOf(p.Gateway.AddressFamily))];
        _used ??= [.. servers.Used.Select(u => u.Key).Where(k => k.Service.Protocol == 0)]; // a control before this one has given them
        foreach (ServerKey gone in _used.Where(k => !wanted.Contains(k)))
        {
            servers.Free(gone);
            services.Free(gone.Service);
        }

        _used = wanted;
    }

    private void Add(DirectorModel model, SnatRuleModel rule, SnatPathModel path, (uint First, uint Count) pool, (byte Timeouts, ServiceFlags Flags) rules, SnapshotContent content)
    {
        AddressFamily family = path.Gateway.AddressFamily;
        ServiceKey key = rule.KeyOf(family);
        int service = services.Take(key), server = servers.Take(rule.ServerKeyOf(family));
        InterfaceModel by = model.Interfaces[path.Interface];
        (ulong high, ulong low) = SnapshotCompiler.Words(key.Address);
        content.Services.Put(service, new ServiceEntry
        {
            Valid = 1, IpVersion = Family(path), TwoWay = 1, VipHigh = high, VipLow = low, PoolFirst = pool.First, PoolCount = pool.Count, Timeouts = rules.Timeouts, Flags = rules.Flags,
        });
        content.Servers.Put(server, new ServerEntry
        {
            NextHop = (uint)nextHops.SlotOf(path.Interface, path.Gateway), Service = (ushort)service, Vlan = by.Vlan, Valid = ServerEntry.InUse, Incarnation = servers.Incarnation(server), Port = (byte)by.Port,
            Method = ForwardingMethod.SourceNat, Weight = 1, MtuBytes = (ushort)by.MtuBytes, StateTable = ServerEntry.StateTableClient, Timeouts = rules.Timeouts,
            Target = (uint)content.Targets.Count, SnatRule = (ushort)content.SnatRules.Count,
        });
        content.Targets.Add(new TargetEntry { IpVersion = Family(path) }); // a server's target says of which family it is
        content.SnatRules.Add(new SnatRuleEntry { Server = (uint)server, Interface = (ushort?)rule.Interface ?? SnatRuleEntry.AnyInterface, IpVersion = Family(path) });
    }

    private static void AddAddresses(SnatRuleModel rule, SnatPathModel path, int number, Indexes to)
    {
        AddressFamily family = path.Gateway.AddressFamily;
        foreach (IPNetwork source in rule.Sources.Where(s => s.BaseAddress.AddressFamily == family))
        {
            to.Sources.Add(number, SnatRange.Of(source));
        }

        if (rule.Destinations == null)
        {
            to.Destinations.Add(number, family == AddressFamily.InterNetwork ? s_all4 : s_all6);
        }

        foreach (IPNetwork destination in (rule.Destinations ?? []).Where(d => d.BaseAddress.AddressFamily == family))
        {
            to.Destinations.Add(number, SnatRange.Of(destination));
        }

        foreach (IPNetwork elsewhere in path.Except)
        {
            to.Destinations.Except(number, SnatRange.Of(elsewhere));
        }
    }

    /// <summary>Which rules name addresses of a family.</summary>
    private readonly record struct Indexes(SnatIndex Sources, SnatIndex Destinations)
    {
        /// <summary>With what is no inside host, whatever prefix it is in.</summary>
        public static Indexes Make(DirectorModel model, AddressFamily family)
        {
            byte ipVersion = family == AddressFamily.InterNetwork ? (byte)4 : (byte)6;
            SnatIndex sources = new(ipVersion);
            foreach (IPNetwork nobody in SnatSources.NoHosts.Where(n => n.BaseAddress.AddressFamily == family))
            {
                sources.Except(SnatRange.Of(nobody));
            }

            foreach (IPAddress own in SnatSources.OwnAddresses(model).Where(a => a.AddressFamily == family))
            {
                sources.Except(SnatRange.Of(own));
            }

            return new Indexes(sources, new SnatIndex(ipVersion));
        }
    }
}
