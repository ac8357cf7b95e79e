using System.Net;
using System.Net.Sockets;
using System.Text;
using Forwarder.Abi;
using Forwarder.Api;
using Forwarder.Vrrp;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Checks the VRRP groups of a desired state; what the protocol itself demands is checked by <see cref="VrrpConfig.Validate"/>.</summary>
internal static class VrrpModelBuilder
{
    /// <summary>VIPs of all groups.</summary>
    public const int VipsMax = 16_384;

    /// <summary>Names of groups, sync groups and tracked objects: nothing of the kernel's has them.</summary>
    public const int NameCharsMax = 63;

    // Any link-local address does for the checks: the real one comes from the port's MAC address.
    private static readonly VrrpAddress s_linkLocal = VrrpAddress.Parse("fe80::ffff:ffff:ffff:fffe");

    private static readonly Dictionary<string, string> s_fields = new()
    {
        ["announce.count"] = "announceCount", ["announce.repeatDelayMs"] = "announceRepeatDelayMs", ["announce.refreshMs"] = "announceRefreshMs", ["announce.refreshCount"] = "announceRefreshCount", ["authData"] = "password", ["authType"] = "password",
        ["unicastPeers"] = "peers", ["checksumForm"] = "checksumWithoutPseudoHeader",
    };

    public static List<VrrpGroupModel> Groups(DesiredState state, IReadOnlyList<InterfaceModel> interfaces, IReadOnlyList<VrrpTrackModel> tracks)
    {
        Demand(state.Vrrp.Count < Limits.VrrpGroupsMax, "/vrrp", $"{state.Vrrp.Count} VRRP groups; at most {Limits.VrrpGroupsMax - 1} are allowed.");
        List<VrrpGroupModel> groups = new(state.Vrrp.Count);
        HashSet<string> names = [];
        Dictionary<VrrpGroupKey, string> keys = [];
        Dictionary<(VrrpLinkKey, byte, bool), string> macs = [];
        Dictionary<IPAddress, string> vips = [];
        int count = state.Vrrp.Sum(g => g == null ? 0 : g.Addresses.Count + g.ExcludedAddresses.Count);
        Demand(count <= VipsMax, "/vrrp", $"{count} VIPs in all groups; at most {VipsMax} are allowed.");
        for (int i = 0; i < state.Vrrp.Count; i++)
        {
            string at = $"/vrrp/{i}";
            VrrpGroupModel group = Group(state.Vrrp[i] ?? throw ApiException.Invalid(at, "null is not allowed in this list."), state.Dataplane, interfaces, at);
            Demand(names.Add(group.Name), $"{at}/name", $"VRRP group \"{group.Name}\" is given twice.");
            foreach (VrrpGroupKey key in group.Wires.Heartbeats.Select(h => group.Key with { Interface = h }))
            {
                Demand(keys.TryAdd(key, group.Name), $"{at}/vrid", $"VRID {key.Vrid} is used on interface \"{interfaces[key.Interface].Name}\" by group \"{keys.GetValueOrDefault(key)}\", too.");
            }

            Demand(!group.Settings.VirtualMac || macs.TryAdd((group.Home, group.Key.Vrid, group.Key.IsIPv6), group.Name), $"{at}/virtualMac", $"Group \"{macs.GetValueOrDefault((group.Home, group.Key.Vrid, group.Key.IsIPv6))}\" has the same virtual MAC address where its VIPs are; use another VRID.");
            for (int a = 0; a < group.Addresses.Count; a++)
            {
                IPAddress vip = group.Addresses[a];
                int excluded = a - group.Settings.Addresses.Count;
                Demand(vips.TryAdd(vip, group.Name), excluded < 0 ? $"{at}/addresses/{a}" : $"{at}/excludedAddresses/{excluded}", $"{vip} is in group \"{vips.GetValueOrDefault(vip)}\", too; a VIP belongs to one group.");
            }

            VrrpTrackBuilder.CheckNotify(group.Settings.Notify, $"{at}/notify");
            groups.Add(group with { Tracks = VrrpTrackBuilder.Uses(group.Settings.Track, tracks, group.Settings.Priority, $"{at}/track") });
        }

        return VrrpSyncRules.Apply(state.VrrpSyncGroups, groups, tracks);
    }

    private static VrrpGroupModel Group(VrrpGroupSettings s, DataplaneSettings dataplane, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        CheckName(s.Name, $"{at}/name", NameCharsMax);
        Demand(s.Vrid is >= VrrpLimits.VridMin and <= VrrpLimits.VridMax, $"{at}/vrid", $"VRID {s.Vrid} is out of range; allowed are {VrrpLimits.VridMin} to {VrrpLimits.VridMax}.");
        Demand(s.Priority is >= VrrpLimits.PriorityMin and <= VrrpLimits.PriorityOwner, $"{at}/priority", $"Priority {s.Priority} is out of range; allowed are {VrrpLimits.PriorityMin} to {VrrpLimits.PriorityOwner}.");
        Demand(s.Version is 2 or 3, $"{at}/version", $"Version {s.Version} is not supported; allowed are 2 and 3.");
        List<IPAddress> addresses = Addresses(s.Addresses, interfaces, $"{at}/addresses");
        List<IPAddress> excluded = Addresses(s.ExcludedAddresses, interfaces, $"{at}/excludedAddresses");
        Demand(addresses.Count is >= 1 and <= VrrpLimits.AddressesMax, $"{at}/addresses", $"{addresses.Count} VIPs; allowed are 1 to {VrrpLimits.AddressesMax}. Those that need not be advertised can be excludedAddresses.");
        int foreign = addresses.FindIndex(a => a.AddressFamily != addresses[0].AddressFamily);
        Demand(foreign < 0, $"{at}/addresses/{foreign}", $"{(foreign < 0 ? null : addresses[foreign])} is not of the family of {addresses[0]}; give each family a group of its own, or make it one of excludedAddresses.");
        bool v6 = addresses[0].AddressFamily == AddressFamily.InterNetworkV6;
        VrrpWires wires = VrrpWires.Read(s, v6, dataplane, interfaces, at);
        int own = wires.Peers.ToList().FindIndex(p => addresses.Contains(p) || excluded.Contains(p));
        Demand(own < 0, $"{at}/peers/{own}", $"{s.Peers.ElementAtOrDefault(own)} is one of the group's VIPs; a peer is another director's own address.");
        VrrpConfig config = new()
        {
            Version = (VrrpVersion)s.Version, Vrid = (byte)s.Vrid, Priority = (byte)s.Priority, IntervalCs = s.IntervalCs, Addresses = [.. addresses.Select(VrrpAddress.From)],
            PrimaryAddress = wires.Source == null ? s_linkLocal : VrrpAddress.From(wires.Source), Preempt = s.Preempt, PreemptDelayMs = s.PreemptDelayMs, StartDelayMs = s.StartDelayMs,
            AuthType = s.Password == null ? VrrpAuthType.None : VrrpAuthType.SimpleText, AuthData = s.Password == null ? default : Encoding.UTF8.GetBytes(s.Password),
            ChecksumForm = s.ChecksumWithoutPseudoHeader ? VrrpChecksumForm.MessageOnly : VrrpChecksumForm.PseudoHeader,
            VirtualMac = s.VirtualMac, Announce = new VrrpAnnounceConfig { Count = s.AnnounceCount, RepeatDelayMs = s.AnnounceRepeatDelayMs, RefreshMs = s.AnnounceRefreshMs, RefreshCount = s.AnnounceRefreshCount },
            UnicastPeers = [.. wires.Peers.Select(VrrpAddress.From)], UnicastMinTtl = (byte)s.PeerMinTtl, LearnInterval = s.LearnInterval, AlsoVersion2 = s.AlsoVersion2, CheckAddressList = s.CheckAddressList, AcceptMode = s.AcceptMode,
        };
        if (config.Validate(wires.Heartbeats.Min(h => interfaces[h].MtuBytes)) is [VrrpConfigProblem first, ..])
        {
            string name = first.Field.Split('[')[0];
            string field = (s_fields.GetValueOrDefault(name, name) + first.Field[name.Length..]).Replace('[', '/').Replace("]", "", StringComparison.Ordinal);
            throw ApiException.Invalid($"{at}/{field}", $"{char.ToUpperInvariant(field[0])}{field[1..]}: {first.Message}.");
        }

        VrrpLinkKey Link(int i) => new(dataplane.Ports[interfaces[i].Port].Exception!, interfaces[i].Vlan);
        return new VrrpGroupModel(new VrrpGroupKey(wires.Heartbeats[0], (byte)s.Vrid, v6), s.Name, interfaces[wires.Home].Port, Link(wires.Home), [.. wires.Heartbeats.Select(Link)], [.. addresses, .. excluded], config, s)
        {
            Wires = wires, AddressInterface = s.AddressInterface == null ? null : wires.Home,
        };
    }

    private static List<IPAddress> Addresses(IReadOnlyList<string> vips, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        List<IPAddress> addresses = [];
        for (int a = 0; a < vips.Count; a++)
        {
            IPAddress vip = Address(vips[a], $"{at}/{a}", "VIP");
            Demand(!interfaces.Any(i => i.Addresses.Any(o => o.Address.Equals(vip))), $"{at}/{a}", $"{vip} is an own address of the director; a VIP must be another one.");
            addresses.Add(vip);
        }

        return addresses;
    }
}
