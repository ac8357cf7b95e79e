using System.Net;
using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>Addresses that no inside host has: a rule of SNAT leaves packets from them alone, whatever prefix of its sources they are in.</summary>
public static class SnatSources
{
    /// <summary>
    /// What no router passes on with such a source: this network, loopback, link-local, multicast and reserved addresses (RFC 1812 section 5.3.7,
    /// RFC 3927 section 7); unspecified, loopback, link-local and multicast ones (RFC 4291 sections 2.5.2, 2.5.3, 2.5.6 and 2.7).
    /// </summary>
    public static IReadOnlyList<IPNetwork> NoHosts { get; } = [.. ((string[])["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128", "::1/128", "fe80::/10", "ff00::/8"]).Select(IPNetwork.Parse)];

    /// <summary>The director's own addresses, VIPs and source addresses.</summary>
    public static HashSet<IPAddress> OwnAddresses(DirectorModel model) => [.. model.Interfaces.SelectMany(i => i.Addresses, (_, a) => a.Address)
        .Concat(model.Services.Select(s => s.Key.Address)).Concat(model.VrrpGroups.SelectMany(g => g.Addresses)).Concat(model.SourcePools.SelectMany(p => p.Addresses))];

    /// <summary>Refuses a source that has none but such addresses.</summary>
    public static void Check(IPNetwork source, HashSet<IPAddress> ownAddresses, string at)
    {
        IPNetwork nobody = NoHosts.FirstOrDefault(n => n.BaseAddress.AddressFamily == source.BaseAddress.AddressFamily && SnatRange.Of(n).Covers(SnatRange.Of(source)));
        ModelBuilder.Demand(nobody == default, at, $"{source} is in {nobody}, and no router passes on packets from there; allowed are unicast addresses of inside hosts.");
        bool isOwn = source.PrefixLength == source.BaseAddress.GetAddressBytes().Length * 8 && ownAddresses.Contains(source.BaseAddress);
        ModelBuilder.Demand(!isOwn, at, $"{source.BaseAddress} is an own address, a VIP or a source address of the director; allowed are addresses of inside hosts.");
    }
}
