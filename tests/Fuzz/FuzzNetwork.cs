using System.Net;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>The network that all targets use: two ports, a VLAN, all methods in both families; once for the engine, once for the second reading.</summary>
public static class FuzzNetwork
{
    /// <summary>MAC address of both ports (first byte lowest): what one port takes the other does, too.</summary>
    public const ulong PortMac = 0x0100_0000_0002;

    /// <summary>The VRRP group of all services; its virtual MAC addresses are on one port: one untagged, another with a tag.</summary>
    public const int Group = 1, Vrid = 7, TaggedVrid = 51, VirtualMacVlan = 4_000, VirtualMacPort = 0, PortCount = 2;

    /// <summary>Services at this port do not tell clients that there is no server; all others do, and so do ports without service.</summary>
    private const int SilentPort = 54;

    public const int Untagged = 0, Tagged = 1, Outside = 2, Vlan = 100, MtuBytes = 1_500, OutsideMtuBytes = 1_400;
    private static readonly (int Port, int Vlan, int Mtu)[] s_interfaces = [(0, 0, MtuBytes), (0, Vlan, MtuBytes), (1, 0, OutsideMtuBytes)];
    private static readonly ContentBuilder s_builder = new();
    private static readonly List<FuzzService> s_services = [];
    private static int s_servers;

    /// <summary>Kinds of tunnels, in the place of a server's port.</summary>
    private const int Gue = 6080, GueSummed = 6081, Gre = 1, GreSummed = 2;

    static FuzzNetwork()
    {
        string[] own = ["172.16.58.2", "10.1.0.2", "192.0.2.1"];
        for (int i = 0; i < own.Length; i++)
        {
            s_builder.Interface(s_interfaces[i].Port, (ushort)s_interfaces[i].Vlan, own[i], (ushort)s_interfaces[i].Mtu);
        }

        s_builder.Local(new IPAddress(Own6).ToString(), LocalAddressKind.Own, Untagged);
        const ForwardingMethod Dr = ForwardingMethod.DirectRouting, Tunnel = ForwardingMethod.Tunnel, Nat = ForwardingMethod.Nat;
        Add("172.16.58.1", 80, Wire.Tcp, Scheduler.Maglev, (Dr, Untagged, "172.16.58.7", 0, 2), (Tunnel, Untagged, "172.16.58.9", 0, 2), (Tunnel, Untagged, "fd16::9", 0, 1), (Tunnel, Untagged, "172.16.58.10", GueSummed, 1), (Tunnel, Untagged, "fd16::10", Gue, 1), (Tunnel, Tagged, "10.1.0.11", GreSummed, 1), (Nat, Untagged, "172.16.58.7", 8080, 2), (Nat, Outside, "192.0.2.7", 8080, 1));
        Add("172.16.58.1", 53, Wire.Udp, Scheduler.Wlc, (Dr, Tagged, "10.1.0.7", 0, 1), (Nat, Tagged, "10.1.0.7", 5353, 2), (Tunnel, Tagged, "10.1.0.9", 0, 1), (Tunnel, Tagged, "10.1.0.10", Gue, 1), (Tunnel, Untagged, "fd16::11", GreSummed, 1));
        Add("fd16::100", 80, Wire.Tcp, Scheduler.Wlc, (Dr, Untagged, "fd16::7", 0, 1), (Tunnel, Untagged, "fd16::9", 0, 1), (Tunnel, Untagged, "172.16.58.9", 0, 1), (Tunnel, Untagged, "172.16.58.10", Gue, 1), (Tunnel, Untagged, "fd16::10", GueSummed, 1), (Tunnel, Untagged, "fd16::11", Gre, 1), (Nat, Untagged, "fd16::7", 8080, 2));
        Add("fd16::100", 53, Wire.Udp, Scheduler.Maglev, (Dr, Untagged, "fd16::7", 0, 1), (Nat, Untagged, "fd16::7", 5353, 2), (Dr, Outside, "fd16:2::7", 0, 0));
        Add("172.16.58.3", 443, Wire.Tcp, Scheduler.Maglev, (Nat, Untagged, "172.16.58.7", 8080, 1)); // shares a server with the first
        Add("172.16.58.3", 53, Wire.Udp, Scheduler.Maglev, (Nat, Outside, "192.0.2.7", 53, 1));
        Add("172.16.58.3", SilentPort, Wire.Udp, Scheduler.Wlc, (Dr, Untagged, "172.16.58.7", 0, 0)); // nobody takes flows, here and below
        Add("172.16.58.3", 81, Wire.Tcp, Scheduler.Maglev, (Dr, Untagged, "172.16.58.7", 0, 0));
        Add("172.16.58.3", 82, Wire.Udp, Scheduler.Maglev, (Dr, Untagged, "172.16.58.7", 0, 0));
        Add("fd16::100", 81, Wire.Tcp, Scheduler.Wlc, (Dr, Untagged, "fd16::7", 0, 0));
        Add("172.16.58.1", 3868, Wire.Sctp, Scheduler.Maglev, (Dr, Untagged, "172.16.58.7", 0, 1), (Tunnel, Tagged, "10.1.0.9", 0, 1), (Nat, Untagged, "172.16.58.7", 3868, 2), (Nat, Outside, "192.0.2.7", 3869, 2));
        Add("fd16::100", 3868, Wire.Sctp, Scheduler.Wlc, (Dr, Untagged, "fd16::7", 0, 1), (Nat, Untagged, "fd16::7", 3869, 2), (Nat, Untagged, "fd16::8", 3868, 1));
        Add("172.16.58.3", 3868, Wire.Sctp, Scheduler.Maglev, (Dr, Untagged, "172.16.58.7", 0, 0));
        Limit(0, 1, upper: 6, lower: 0);
        Limit(0, 7, upper: 3, lower: 3);
        Limit(1, 0, upper: 5, lower: 2);
        Limit(1, 1, upper: 2, lower: 0);
        Limit(2, 0, upper: 4, lower: 1);
        Limit(4, max: 3);
        Limit(5, 0, upper: 2, lower: 1);
        s_builder.Content.RejectsNoService = true;
        Services = s_services;
        s_builder.Govern(Group).VirtualMac(Group, Vrid, port: VirtualMacPort).VirtualMac(Group, TaggedVrid, port: VirtualMacPort, vlan: VirtualMacVlan);
    }

    /// <summary>For the engine.</summary>
    public static SnapshotContent Content => s_builder.Content;

    /// <summary>The director's only IPv6 address beside link-local ones.</summary>
    public static byte[] Own6 { get; } = IPAddress.Parse("fd16::2").GetAddressBytes();

    /// <summary>For the second reading.</summary>
    public static IReadOnlyList<FuzzService> Services { get; }

    /// <summary>MTU of a port.</summary>
    public static int PortMtuBytes(int port) => port == 0 ? MtuBytes : OutsideMtuBytes;

    /// <summary>Whether an address is a VIP.</summary>
    public static bool IsVip(ReadOnlySpan<byte> address)
    {
        foreach (FuzzService service in Services)
        {
            if (address.SequenceEqual(service.Vip))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The service, or null.</summary>
    public static FuzzService? Service(byte[] vip, int port, int protocol) =>
        Services.FirstOrDefault(s => s.Port == port && s.Protocol == protocol && s.Vip.AsSpan().SequenceEqual(vip));

    /// <summary>Servers behind NAT with this address and port, with their services.</summary>
    public static (FuzzService Service, FuzzServer Server)[] Behind(byte[] address, int port, int protocol) =>
    [
        .. from service in Services
           where service.Protocol == protocol
           from server in service.Servers
           where server.Method == ForwardingMethod.Nat && server.Port == port && server.Address.AsSpan().SequenceEqual(address)
           select (service, server),
    ];

    private static void Add(string vip, int port, byte protocol, Scheduler scheduler, params (ForwardingMethod Method, int Interface, string Address, int Port, int Weight)[] servers)
    {
        int slot = s_builder.Service(vip, port, protocol, scheduler, 251, [.. servers.Select(s => (s.Interface, s.Address, s.Weight))]);
        List<FuzzServer> added = [];
        foreach ((ForwardingMethod method, int interfaceId, string address, int serverPort, int weight) in servers)
        {
            int server = ++s_servers;
            string source = address.Contains(':', StringComparison.Ordinal) ? "fd16::2" : interfaceId == Tagged ? "10.1.0.2" : "172.16.58.2";
            (int egress, int vlan, int mtu) = s_interfaces[interfaceId];
            (string Kind, bool Summed) tunnel = method != ForwardingMethod.Tunnel || serverPort == 0 ? ("ipip", false) : (serverPort < Gue ? "gre" : "gue", serverPort is GueSummed or GreSummed);
            if (method == ForwardingMethod.Tunnel)
            {
                s_builder.Tunnel(server, source, tunnel.Kind switch { "gue" => Encapsulation.Gue, "gre" => Encapsulation.Gre, _ => Encapsulation.Ipip }, tunnel.Kind == "gue" ? serverPort : 0, tunnel.Summed);
                mtu -= (source.Contains(':', StringComparison.Ordinal) ? 40 : 20) + (tunnel.Kind switch { "gue" => 8 + 4, "gre" => tunnel.Summed ? 8 : 4, _ => 0 });
            }
            else if (method == ForwardingMethod.Nat)
            {
                s_builder.Nat(server, serverPort);
            }

            added.Add(new FuzzServer(server, method, Bytes(address), serverPort, egress, vlan, mtu, (uint)s_builder.NextHop(interfaceId, address), weight, Bytes(source)) { Tunnel = tunnel });
        }

        bool rejects = port != SilentPort;
        CollectionsMarshal.AsSpan(s_builder.Content.Services)[slot].Flags = rejects ? ServiceFlags.RejectNoServer : ServiceFlags.None;
        s_services.Add(new FuzzService(slot, Bytes(vip), port, protocol, scheduler, [.. added], rejects));
    }

    private static void Limit(int service, int server, int upper, int lower)
    {
        FuzzServer limited = s_services[service].Servers[server];
        limited.Thresholds = (upper, lower);
        CollectionsMarshal.AsSpan(s_builder.Content.Servers)[limited.Slot].SetThresholds((uint)upper, (uint)lower);
    }

    private static void Limit(int service, int max)
    {
        s_services[service].ConnectionsMax = max;
        CollectionsMarshal.AsSpan(s_builder.Content.Services)[s_services[service].Slot].ConnectionsMax = (uint)max;
    }

    private static byte[] Bytes(string address) => IPAddress.Parse(address).GetAddressBytes();
}
