using System.Net;
using System.Net.Sockets;
using Forwarder.Api;
using Forwarder.Vrrp;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Where a group's advertisements and announcements go.</summary>
/// <param name="Heartbeats">Indices of the interfaces of advertisements, the group's own first.</param>
/// <param name="Home">Index of the interface that its addresses are on.</param>
/// <param name="Peers">Unicast peers.</param>
/// <param name="Source">Source of advertisements; null = the port's link-local address.</param>
internal sealed record VrrpWires(IReadOnlyList<int> Heartbeats, int Home, IReadOnlyList<IPAddress> Peers, IPAddress? Source)
{
    /// <summary>Reads and checks it.</summary>
    public static VrrpWires Read(VrrpGroupSettings s, bool v6, DataplaneSettings dataplane, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        List<int> heartbeats = [Speaking(s.Interface, dataplane, interfaces, $"{at}/interface")];
        Demand(s.HeartbeatInterfaces.Count == 0 || s.Peers.Count == 0, $"{at}/heartbeatInterfaces", "Heartbeats on further interfaces are multicast; they are not allowed together with peers.");
        for (int i = 0; i < s.HeartbeatInterfaces.Count; i++)
        {
            int heartbeat = Speaking(s.HeartbeatInterfaces[i], dataplane, interfaces, $"{at}/heartbeatInterfaces/{i}");
            Demand(!heartbeats.Contains(heartbeat), $"{at}/heartbeatInterfaces/{i}", $"Interface \"{s.HeartbeatInterfaces[i]}\" is given twice; the group's \"interface\" is a heartbeat already.");
            heartbeats.Add(heartbeat);
        }

        int home = s.AddressInterface == null ? heartbeats[0] : Speaking(s.AddressInterface, dataplane, interfaces, $"{at}/addressInterface");
        Demand(s.PeerMinTtl is >= 1 and <= VrrpLimits.Ttl, $"{at}/peerMinTtl", $"{s.PeerMinTtl} is out of range; allowed are 1 to {VrrpLimits.Ttl}.");
        Demand(s.PeerMinTtl == VrrpLimits.Ttl || s.Peers.Count > 0, $"{at}/peerMinTtl", "Only for unicast peers; multicast always has 255 (RFC 9568 section 5.1.1.3).");
        InterfaceModel own = interfaces[heartbeats[0]];
        List<IPAddress> peers = [];
        for (int i = 0; i < s.Peers.Count; i++)
        {
            peers.Add(Peer(s.Peers[i], v6, own, peers, $"{at}/peers/{i}"));
        }

        return new VrrpWires(heartbeats, home, peers, s.SourceAddress == null ? Sender(peers, v6, own, at) : Chosen(s.SourceAddress, peers, v6, own, $"{at}/sourceAddress"));
    }

    private static int Speaking(string name, DataplaneSettings dataplane, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        int index = interfaces.ToList().FindIndex(i => i.Name == name);
        Demand(index >= 0, at, $"There is no interface \"{name}\"; interfaces are: {string.Join(", ", interfaces.Select(i => i.Name))}.");
        PortSettings port = dataplane.Ports[interfaces[index].Port];
        Demand(port.Exception != null, at, $"Port \"{port.Name}\" of interface \"{name}\" has no exception port; VRRP sends and hears advertisements by it.");
        return index;
    }

    private static IPAddress Peer(string text, bool v6, InterfaceModel own, List<IPAddress> before, string at)
    {
        IPAddress peer = Address(text, at, "Peer");
        Demand(peer.AddressFamily == (v6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork), at, $"Peer {peer} is not of the family of the group's VIPs.");
        Demand(!own.Addresses.Any(a => a.Address.Equals(peer)), at, $"{peer} is an own address of this director.");
        Demand(!before.Contains(peer), at, $"Peer {peer} is given twice.");
        Demand(peer.IsIPv6LinkLocal || SourceFor(peer, own) != null, at, $"Peer {peer} is in no network of interface \"{own.Name}\"; allowed are {Networks(own, v6)}.");
        Demand(before.Count == 0 || Equals(SourceFor(before[0], own), SourceFor(peer, own)), at, $"Peer {peer} is in another network than {before.FirstOrDefault()}; all peers of a group hear the same source address.");
        return peer;
    }

    /// <summary>The own address in the peer's network; null for link-local peers.</summary>
    private static IPAddress? SourceFor(IPAddress peer, InterfaceModel own) =>
        peer.IsIPv6LinkLocal ? null : own.Addresses.Where(a => a.Network.Contains(peer)).Select(a => a.Address).FirstOrDefault();

    private static IPAddress? Sender(List<IPAddress> peers, bool v6, InterfaceModel own, string at)
    {
        if (peers.Count > 0 || v6)
        {
            return peers.Count > 0 ? SourceFor(peers[0], own) : null;
        }

        return own.Addresses.Select(a => a.Address).FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork)
            ?? throw ApiException.Invalid($"{at}/interface", $"Interface \"{own.Name}\" has no IPv4 address of its own, which advertisements are sent from.");
    }

    private static IPAddress Chosen(string text, List<IPAddress> peers, bool v6, InterfaceModel own, string at)
    {
        IPAddress source = Address(text, at, "Source address");
        Demand(!v6, at, peers.Count == 0 ? "Over IPv6 advertisements come from the link-local address (RFC 9568 section 5.1.2.1)." : "Over IPv6 it is the own address of the peers' network.");
        Demand(own.Addresses.Any(a => a.Address.Equals(source) && (peers.Count == 0 || a.Network.Contains(peers[0]))), at, $"{source} is no own address of interface \"{own.Name}\"{(peers.Count == 0 ? "" : " in the peers' network")}.");
        return source;
    }

    private static string Networks(InterfaceModel own, bool v6)
    {
        IEnumerable<string> networks = own.Addresses.Where(a => (a.Address.AddressFamily == AddressFamily.InterNetworkV6) == v6).Select(a => a.Network.ToString());
        return string.Join(", ", v6 ? networks.Append("fe80::/10") : networks.DefaultIfEmpty("(it has no IPv4 address)"));
    }
}
