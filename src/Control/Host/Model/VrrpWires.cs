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
/// <param name="PeerHops">Next hop of each: itself or the gateway.</param>
/// <param name="Source">Source of advertisements; null = the port's link-local address.</param>
internal sealed record VrrpWires(IReadOnlyList<int> Heartbeats, int Home, IReadOnlyList<IPAddress> Peers, IReadOnlyList<IPAddress> PeerHops, IPAddress? Source)
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
        if (s.HeartbeatOnAddressInterface && s.Peers.Count == 0 && !heartbeats.Contains(home))
        {
            heartbeats.Add(home);
        }

        Demand(s.PeerMinTtl is >= 1 and <= VrrpLimits.Ttl, $"{at}/peerMinTtl", $"{s.PeerMinTtl} is out of range; allowed are 1 to {VrrpLimits.Ttl}.");
        Demand(s.PeerMinTtl == VrrpLimits.Ttl || s.Peers.Count > 0, $"{at}/peerMinTtl", "Only for unicast peers; multicast always has 255 (RFC 9568 section 5.1.1.3).");
        InterfaceModel own = interfaces[heartbeats[0]];
        IPAddress? gateway = s.PeerGateway == null ? null : Gateway(s, v6, own, $"{at}/peerGateway");
        List<IPAddress> peers = [], hops = [];
        for (int i = 0; i < s.Peers.Count; i++)
        {
            (IPAddress peer, IPAddress hop) = Peer(s.Peers[i], v6, own, gateway, peers, hops, $"{at}/peers/{i}");
            peers.Add(peer);
            hops.Add(hop);
        }

        return new VrrpWires(heartbeats, home, peers, hops, s.SourceAddress == null ? Sender(hops, v6, own, at) : Chosen(s.SourceAddress, hops, v6, own, $"{at}/sourceAddress"));
    }

    private static int Speaking(string name, DataplaneSettings dataplane, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        int index = interfaces.ToList().FindIndex(i => i.Name == name);
        Demand(index >= 0, at, $"There is no interface \"{name}\"; interfaces are: {string.Join(", ", interfaces.Select(i => i.Name))}.");
        PortSettings port = dataplane.Ports[interfaces[index].Port];
        Demand(port.Exception != null, at, $"Port \"{port.Name}\" of interface \"{name}\" has no exception port; VRRP sends and hears advertisements by it.");
        return index;
    }

    /// <summary>The router to peers that are in no network of the interface.</summary>
    private static IPAddress Gateway(VrrpGroupSettings s, bool v6, InterfaceModel own, string at)
    {
        IPAddress gateway = OnLink(s.PeerGateway!, v6, own, at, "Gateway");
        Demand(SourceFor(gateway, own) != null, at, $"Gateway {gateway} is in no network of interface \"{own.Name}\"; allowed are {Networks(own, v6)}, without link-local addresses.");
        Demand(s.Peers.Count > 0, at, "Only for unicast peers.");
        Demand(s.PeerMinTtl < VrrpLimits.Ttl, at, $"Each router lowers the TTL: peers behind one need a peerMinTtl below {VrrpLimits.Ttl}, for example {VrrpLimits.Ttl - 1}.");
        return gateway;
    }

    private static (IPAddress Peer, IPAddress Hop) Peer(string text, bool v6, InterfaceModel own, IPAddress? gateway, List<IPAddress> before, List<IPAddress> hops, string at)
    {
        IPAddress peer = OnLink(text, v6, own, at, "Peer");
        Demand(!before.Contains(peer), at, $"Peer {peer} is given twice.");
        bool isNear = peer.IsIPv6LinkLocal || SourceFor(peer, own) != null;
        Demand(isNear || gateway != null, at, $"Peer {peer} is in no network of interface \"{own.Name}\"; allowed are {Networks(own, v6)}, and others with a \"peerGateway\".");
        IPAddress hop = isNear ? peer : gateway!;
        Demand(hops.Count == 0 || Equals(SourceFor(hops[0], own), SourceFor(hop, own)), at, $"Peer {peer} is in another network than {before.FirstOrDefault()}; all peers of a group hear the same source address.");
        return (peer, hop);
    }

    private static IPAddress OnLink(string text, bool v6, InterfaceModel own, string at, string what)
    {
        IPAddress address = Address(text, at, what);
        Demand(address.AddressFamily == (v6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork), at, $"{what} {address} is not of the family of the group's VIPs.");
        Demand(!own.Addresses.Any(a => a.Address.Equals(address)), at, $"{address} is an own address of this director.");
        return address;
    }

    /// <summary>The own address in a next hop's network; null for link-local ones.</summary>
    private static IPAddress? SourceFor(IPAddress hop, InterfaceModel own) =>
        hop.IsIPv6LinkLocal ? null : own.Addresses.Where(a => a.Network.Contains(hop)).Select(a => a.Address).FirstOrDefault();

    private static IPAddress? Sender(List<IPAddress> hops, bool v6, InterfaceModel own, string at)
    {
        if (hops.Count > 0 || v6)
        {
            return hops.Count > 0 ? SourceFor(hops[0], own) : null;
        }

        return own.Addresses.Select(a => a.Address).FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork)
            ?? throw ApiException.Invalid($"{at}/interface", $"Interface \"{own.Name}\" has no IPv4 address of its own, which advertisements are sent from.");
    }

    private static IPAddress Chosen(string text, List<IPAddress> hops, bool v6, InterfaceModel own, string at)
    {
        IPAddress source = Address(text, at, "Source address");
        Demand(!v6, at, hops.Count == 0 ? "Over IPv6 advertisements come from the link-local address (RFC 9568 section 5.1.2.1)." : "Over IPv6 it is the own address of the peers' network.");
        Demand(own.Addresses.Any(a => a.Address.Equals(source) && (hops.Count == 0 || a.Network.Contains(hops[0]))), at, $"{source} is no own address of interface \"{own.Name}\"{(hops.Count == 0 ? "" : " in the peers' network")}.");
        return source;
    }

    private static string Networks(InterfaceModel own, bool v6)
    {
        IEnumerable<string> networks = own.Addresses.Where(a => (a.Address.AddressFamily == AddressFamily.InterNetworkV6) == v6).Select(a => a.Network.ToString());
        return string.Join(", ", v6 ? networks.Append("fe80::/10") : networks.DefaultIfEmpty("(it has no IPv4 address)"));
    }
}
