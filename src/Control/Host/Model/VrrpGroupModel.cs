using System.Net;
using System.Text.Json;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>What names a VRRP group on the wire.</summary>
/// <param name="Interface">Index of the interface.</param>
/// <param name="Vrid">VRID.</param>
/// <param name="IsIPv6">Family.</param>
public readonly record struct VrrpGroupKey(int Interface, byte Vrid, bool IsIPv6);

/// <summary>A port and VLAN on which VRRP is spoken.</summary>
/// <param name="Device">Exception port.</param>
/// <param name="Vlan">VLAN id, 0 = untagged.</param>
public readonly record struct VrrpLinkKey(string Device, ushort Vlan);

/// <summary>A validated VRRP group.</summary>
/// <param name="Key">What names it on the wire.</param>
/// <param name="Name">Name.</param>
/// <param name="Port">Index of the port that its addresses are on.</param>
/// <param name="Home">Where its addresses are announced.</param>
/// <param name="Heartbeats">Where advertisements are sent and heard.</param>
/// <param name="Addresses">Its VIPs.</param>
/// <param name="Config">For the state machine; over IPv6 the primary address is put in when the port's MAC address is known.</param>
/// <param name="Settings">As they were given.</param>
public sealed record VrrpGroupModel(VrrpGroupKey Key, string Name, int Port, VrrpLinkKey Home, IReadOnlyList<VrrpLinkKey> Heartbeats, IReadOnlyList<IPAddress> Addresses, VrrpConfig Config, VrrpGroupSettings Settings)
{
    internal VrrpWires Wires { get; init; } = new([], 0, [], [], null);

    /// <summary>Index of the interface on which its addresses are answered for; null = on all.</summary>
    public int? AddressInterface { get; init; }

    /// <summary>What is tracked: its own, and all that its sync group tracks.</summary>
    public IReadOnlyList<VrrpTrackUseModel> Tracks { get; init; } = [];

    /// <summary>Sync group, if it is in one.</summary>
    public VrrpSyncGroupSettings? SyncGroup { get; init; }

    /// <summary>
    /// All that makes a group what it is; one that has another identity is another group and is elected anew. The priority (but an
    /// owner's), what is tracked and who is notified may change while a group runs; who changes company starts anew.
    /// </summary>
    public string Identity => string.Join(' ',
        [.. Links.Select(l => l.ToString()), JsonSerializer.Serialize(Settings with { Priority = Config.IsOwner ? VrrpLimits.PriorityOwner : VrrpLimits.PriorityMax, Track = [], TrackLink = true, TrackWorkers = true, Notify = null }, ApiJson.Default.VrrpGroupSettings),
        Config.PrimaryAddress.ToString(), SyncGroup?.Name ?? "", .. SyncGroup?.Groups ?? []]);

    /// <summary>Next hop of each peer.</summary>
    public IEnumerable<(int Interface, IPAddress Address)> PeerHops => Wires.PeerHops.Select(h => (Key.Interface, h));

    /// <summary>All links that it needs.</summary>
    public IEnumerable<VrrpLinkKey> Links => Heartbeats.Append(Home);
}
