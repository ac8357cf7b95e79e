namespace Forwarder.Lab;

/// <summary>
/// Scenario S1, LVS-DR: one network 172.16.0.0/16 (and fd16::/64) on a switch, with a client (the router's address
/// 172.16.0.1), the director's port and two real servers. Each host is a network namespace. The director is not started.
/// </summary>
public sealed class S1Lab : IDisposable
{
    /// <summary>VIP.</summary>
    public const string Vip = "172.16.58.1";

    /// <summary>VIP, IPv6.</summary>
    public const string VipV6 = "fd16::100";

    /// <summary>DIP with prefix length.</summary>
    public const string Dip = "172.16.58.2/16";

    /// <summary>DIP, IPv6, with prefix length.</summary>
    public const string DipV6 = "fd16::2/64";

    /// <summary>MAC address of the director's port.</summary>
    public const string DirectorMac = "02:00:00:00:00:02";

    /// <summary>The client's address.</summary>
    public const string ClientAddress = "172.16.0.1";

    private readonly Instance _instance = Instance.Create();
    private readonly List<Director> _others = [];

    /// <summary>Makes the bed.</summary>
    public S1Lab()
    {
        try
        {
            Switch = _instance.Netns("sw");
            Switch.Ip("link add lan type bridge mcast_snooping 0");
            Switch.Ip("link set lan up");
            Client = Host("cl", "e0", "02:00:00:00:00:01", $"{ClientAddress}/16", "fd16::1/64");
            DirectorHost = _instance.Netns("dir");
            ConnectDirector(DirectorHost, "dir", DirectorMac);
            RealServers = [Server(7, weight: 2), Server(8, weight: 1)];
            Director = new Director(DirectorHost, _instance.Folder);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The client; its port is e0.</summary>
    public Netns Client { get; }

    /// <summary>The switch: bridge lan, one port p-HOST for each host.</summary>
    public Netns Switch { get; }

    /// <summary>The director's namespace; its port is d0.</summary>
    public Netns DirectorHost { get; }

    /// <summary>Both real servers.</summary>
    public IReadOnlyList<RealServerHost> RealServers { get; }

    /// <summary>The director's programs, not yet started.</summary>
    public Director Director { get; }

    /// <summary>Folder for files of this instance, deleted at the end.</summary>
    public string Folder => _instance.Folder;

    /// <summary>Leaves all of it up when this process ends.</summary>
    public void Keep()
    {
        _instance.Keep();
        Director.Detach();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Director?.Dispose();
        _others.ForEach(d => d.Dispose());
        _instance.Dispose();
    }

    private RealServerHost Server(int number, int weight)
    {
        string address = $"172.16.58.{number}", addressV6 = $"fd16::{number}";
        Netns netns = Host($"rs{number}", "e0", $"02:00:00:00:00:0{number}", $"{address}/16", $"{addressV6}/64");
        netns.Run("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2");
        netns.Ip($"addr add {Vip}/32 dev lo");
        netns.Ip($"addr add {VipV6}/128 dev lo nodad");
        RealServerHost server = new($"rs{number}", address, addressV6, weight, netns, _instance.Folder);
        server.StartNginx();
        return server;
    }

    /// <summary>Captures at a port of the switch what only the VIP's owner may send: forwarded requests, ARP answers and announcements for the VIP.</summary>
    public Capture Claims(string switchPort, string mac) => new(Switch, switchPort, $"ether src {mac} and (dst host {Vip} and tcp or arp src host {Vip})", Folder);

    /// <summary>Another host on the LAN.</summary>
    public Netns Host(string name, string port, string mac, string address, string addressV6)
    {
        Netns netns = _instance.Netns(name);
        Connect(netns, name, port, mac);
        netns.Ip($"addr add {address} dev {port}");
        netns.Ip($"addr add {addressV6} dev {port} nodad");
        return netns;
    }

    /// <summary>Another director on the same LAN, in a namespace of its own; not started. Its port is d0.</summary>
    public Director AddDirector(string name, string mac)
    {
        Netns netns = _instance.Netns(name);
        ConnectDirector(netns, name, mac);
        Director director = new(netns, Directory.CreateDirectory(Path.Combine(Folder, name)).FullName);
        _others.Add(director);
        return director;
    }

    /// <summary>A further network of its own for these directors: bridge NAME on the switch with the ports NAME-0 and on; the directors' port is NAME.</summary>
    public void Wire(string name, params Director[] ends)
    {
        Switch.Ip($"link add {name} type bridge mcast_snooping 0");
        Switch.Ip($"link set {name} up");
        for (int i = 0; i < ends.Length; i++)
        {
            Netns host = ends[i].Host;
            Shell.Run($"ip link add {name} netns {host.Name} type veth peer name {name}-{i} netns {Switch.Name}");
            Switch.Ip($"link set {name}-{i} master {name} up");
            host.Ip($"link set {name} up");
            Switch.Run($"ethtool -K {name}-{i} tx off");
            host.Run($"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1");
            host.Run($"nft add chain netdev lab quiet-{name} {{ type filter hook ingress device {name} priority 0; policy drop; }}");
        }
    }

    /// <summary>The kernel of a director's namespace must not answer on the port that the dataplane owns.</summary>
    private void ConnectDirector(Netns netns, string name, string mac)
    {
        Connect(netns, name, "d0", mac);
        netns.Run("sysctl -qw net.ipv6.conf.d0.disable_ipv6=1 net.ipv4.ip_forward=0");
        netns.Run("nft add table netdev lab");
        netns.Run("nft add chain netdev lab quiet { type filter hook ingress device d0 priority 0; policy drop; }");
    }

    private void Connect(Netns netns, string name, string port, string mac)
    {
        Shell.Run($"ip link add {port} netns {netns.Name} address {mac} type veth peer name p-{name} netns {Switch.Name}");
        Switch.Ip($"link set p-{name} master lan up");
        netns.Ip($"link set {port} up");
        Switch.Run($"ethtool -K p-{name} tx off");
    }
}
