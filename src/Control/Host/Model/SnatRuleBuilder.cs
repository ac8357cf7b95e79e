using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;
using Forwarder.Api;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Checks the rules of SNAT of a desired state.</summary>
internal static class SnatRuleBuilder
{
    /// <summary>Most rules: each may have a part for IPv4 and one for IPv6.</summary>
    public const int RulesMax = Limits.SnatRulesMax / 2;

    private const int NameCharsMax = 63;

    /// <summary>The rules, in the state's order.</summary>
    /// <param name="state">The state.</param>
    /// <param name="model">What of it has been found good.</param>
    public static List<SnatRuleModel> Rules(DesiredState state, DirectorModel model)
    {
        Demand(state.SnatRules.Count <= RulesMax, "/snatRules", $"{state.SnatRules.Count} rules; at most {RulesMax} are allowed.");
        List<SnatRuleModel> rules = new(state.SnatRules.Count);
        HashSet<IPAddress> ownAddresses = SnatSources.OwnAddresses(model);
        for (int i = 0; i < state.SnatRules.Count; i++)
        {
            SnatRuleModel rule = Rule(state.SnatRules[i] ?? throw ApiException.Invalid($"/snatRules/{i}", "null is not allowed in this list."), model, ownAddresses, $"/snatRules/{i}");
            Demand(rules.TrueForAll(r => r.Name != rule.Name), $"/snatRules/{i}/name", $"Rule \"{rule.Name}\" is given twice.");
            rules.Add(rule);
        }

        int prefixes = rules.Sum(r => r.Sources.Count + (r.Destinations?.Count ?? r.Paths.Count) + r.Paths.Sum(p => p.Except.Count));
        Demand(prefixes <= Limits.SnatPrefixesMax, "/snatRules", $"The rules have {prefixes} prefixes; at most {Limits.SnatPrefixesMax} are allowed.");
        return rules;
    }

    private static SnatRuleModel Rule(SnatRule rule, DirectorModel model, HashSet<IPAddress> ownAddresses, string at)
    {
        CheckName(rule.Name, $"{at}/name", NameCharsMax);
        Demand(rule.Sources.Count > 0, $"{at}/sources", "A rule has at least one source, for example 10.0.0.0/24.");
        List<IPNetwork> sources = Prefixes(rule.Sources, $"{at}/sources");
        for (int i = 0; i < sources.Count; i++)
        {
            SnatSources.Check(sources[i], ownAddresses, $"{at}/sources/{i}");
        }

        List<IPNetwork>? destinations = rule.Destinations == null ? null : Prefixes(rule.Destinations, $"{at}/destinations");
        int inside = rule.Interface == null ? -1 : IndexOf(model.Interfaces, rule.Interface, $"{at}/interface");
        SourcePoolModel pool = Pool(rule, model, at);
        List<SnatPathModel> paths = Paths(rule, model, destinations == null, at);
        foreach (AddressFamily family in (AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            string name = family == AddressFamily.InterNetwork ? "IPv4" : "IPv6";
            bool isThere = sources.Exists(s => s.BaseAddress.AddressFamily == family);
            Demand(destinations == null || isThere == destinations.Exists(d => d.BaseAddress.AddressFamily == family), $"{at}/destinations", isThere ? $"Sources have {name} prefixes, and no destination is {name}." : $"A destination is {name}, and no source is.");
            Demand(isThere == paths.Exists(p => p.Gateway.AddressFamily == family), $"{at}/gateways", isThere ? $"Sources have {name} prefixes, and there is no {name} gateway." : $"A gateway is {name}, and no source is.");
            Demand(!isThere || pool.Addresses.Any(a => a.AddressFamily == family), $"{at}/sourcePool", $"Source pool \"{pool.Name}\" has no {name} address.");
        }

        CheckTimeouts((rule.Timeouts ?? new ServiceTimeouts()).Over(new TimeoutSettings()), $"{at}/timeouts");
        return new SnatRuleModel(rule.Name, sources, destinations, pool.Name, inside < 0 ? null : inside, paths) { Timeouts = rule.Timeouts };
    }

    private static SourcePoolModel Pool(SnatRule rule, DirectorModel model, string at)
    {
        SourcePoolModel? pool = rule.SourcePool != null ? model.SourcePools.FirstOrDefault(p => p.Name == rule.SourcePool) : model.SourcePools.Count == 1 ? model.SourcePools[0] : null;
        string names = model.SourcePools.Count == 0 ? "there is none (/sourcePools)" : $"there are {string.Join(", ", model.SourcePools.Select(p => p.Name))}";
        string given = rule.SourcePool == null ? "SNAT needs a source pool, and none is named" : $"There is no source pool \"{rule.SourcePool}\"";
        return pool ?? throw ApiException.Invalid($"{at}/sourcePool", $"{given}; {names}.");
    }

    private static List<SnatPathModel> Paths(SnatRule rule, DirectorModel model, bool hasExceptions, string at)
    {
        List<SnatPathModel> paths = [];
        for (int i = 0; i < rule.Gateways.Count; i++)
        {
            string where = $"{at}/gateways/{i}";
            IPAddress gateway = Address(rule.Gateways[i] ?? "", where, "Gateway");
            Demand(paths.TrueForAll(p => p.Gateway.AddressFamily != gateway.AddressFamily), where, $"{gateway} is a second gateway of its family; a rule has one for each.");
            Demand(!model.Interfaces.Any(n => n.Addresses.Any(a => a.Address.Equals(gateway))), where, $"{gateway} is an own address of the director.");
            Demand(!model.SourcePools.Any(p => p.Addresses.Contains(gateway)), where, $"{gateway} is a source address of the director.");
            Demand(!model.Services.Any(s => s.Key.Address.Equals(gateway)) && !model.VrrpGroups.Any(g => g.Addresses.Contains(gateway)), where, $"{gateway} is a VIP of the director.");
            int by = model.Interfaces.ToList().FindIndex(n => n.Addresses.Any(a => a.Network.Contains(gateway)));
            string networks = string.Join(", ", model.Interfaces.SelectMany(n => n.Addresses).Select(a => a.Network));
            Demand(by >= 0, where, $"{gateway} is in no connected network; a gateway must be on one of: {(networks.Length == 0 ? "(no interface has an address)" : networks)}.");
            IPNetwork on = model.Interfaces[by].Addresses.First(a => a.Network.Contains(gateway)).Network;
            Demand(gateway.AddressFamily != AddressFamily.InterNetwork || !IsEnd(on, gateway), where, $"{gateway} is the first or last address of {on}, and so no host's; a gateway must be another one.");
            IEnumerable<IPNetwork> elsewhere = model.Interfaces.Where((_, n) => n != by).SelectMany(n => n.Addresses).Select(a => a.Network).Where(n => n.BaseAddress.AddressFamily == gateway.AddressFamily);
            paths.Add(new SnatPathModel(gateway, by, hasExceptions ? [.. elsewhere.Distinct()] : []));
        }

        return paths;
    }

    /// <summary>Whether an address is the network itself or its broadcast address (RFC 919 section 7); two hosts alone have both (RFC 3021). IPv6 has no such: at its first one all routers answer (RFC 4291 section 2.6.1).</summary>
    private static bool IsEnd(IPNetwork network, IPAddress address)
    {
        SnatRange all = SnatRange.Of(network), one = SnatRange.Of(address);
        return network.PrefixLength < 31 && (one.First == all.First || one.Last == all.Last);
    }

    private static int IndexOf(IReadOnlyList<InterfaceModel> interfaces, string name, string at)
    {
        int index = interfaces.ToList().FindIndex(i => i.Name == name);
        Demand(index >= 0, at, $"There is no interface \"{name}\"; interfaces are: {string.Join(", ", interfaces.Select(i => i.Name))}.");
        return index;
    }

    private static List<IPNetwork> Prefixes(IReadOnlyList<string> texts, string at)
    {
        List<IPNetwork> prefixes = new(texts.Count);
        for (int i = 0; i < texts.Count; i++)
        {
            prefixes.Add(Prefix(texts[i] ?? "", $"{at}/{i}"));
        }

        return prefixes;
    }

    /// <summary>A prefix, or an address for itself.</summary>
    private static IPNetwork Prefix(string text, string at)
    {
        string[] parts = text.Split('/');
        Demand(AddressText.TryParse(parts[0], out IPAddress? address) && !address.IsIPv4MappedToIPv6 && parts.Length <= 2, at, $"\"{text}\" is not a prefix of IPv4 or IPv6 addresses, for example 10.0.0.0/24 or fd17::/64.");
        int bits = address!.AddressFamily == AddressFamily.InterNetwork ? 32 : 128, length = bits;
        Demand(parts.Length == 1 || (int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out length) && length <= bits), at, $"\"{text}\" has no good prefix length; allowed are 0 to {bits}.");
        IPNetwork network = Network(address, length);
        Demand(network.BaseAddress.Equals(address), at, $"{text} has bits set behind its prefix length; write {network}.");
        return network;
    }
}
