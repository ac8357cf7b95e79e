using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>
/// Scenario S1 around one director, ours or IPVS, with client and servers made of raw frames: their kernels keep still, so
/// that each packet is one that a check has sent, and each answer is the director's.
/// </summary>
public abstract class ReferenceBed : IDisposable
{
    public const string ClientMac = "02:00:00:00:00:01";
    private const string Client4 = "172.16.0.50", Client6 = "fd16::50", Table = "inet quiet";
    private const int Marker = 0xFFFF, TimeoutMs = 10_000, SettleMs = 60;
    private readonly RawPort _client;
    private readonly RawPort[] _servers;
    private int _ports = 20_000, _servicePorts = 7_000;
    private Programs? _programs;

    protected ReferenceBed(S1Lab lab)
    {
        Lab = lab;
        lab.Client.Ip($"addr add {Client4}/16 dev e0");   // its kernel says at which MAC address they are, and nothing else
        lab.Client.Ip($"addr add {Client6}/64 dev e0 nodad preferred_lft 0");
        Quiet(lab.Client, $"ip daddr {Client4}", $"ip6 daddr {Client6}");
        foreach (RealServerHost server in lab.RealServers)
        {
            server.Netns.Run("sysctl -qw net.ipv6.conf.e0.accept_redirects=0");
            Quiet(server.Netns, "");
        }

        _client = new RawPort(lab.Client, "e0");
        _servers = [.. lab.RealServers.Select(s => new RawPort(s.Netns, "e0"))];
    }

    public S1Lab Lab { get; }

    /// <summary>Family of the checks that follow.</summary>
    public bool IsV6 { get; set; }

    public string Vip => IsV6 ? S1Lab.VipV6 : S1Lab.Vip;

    /// <summary>The client that checks are; its kernel's own address is another one.</summary>
    public string Client => IsV6 ? Client6 : Client4;

    /// <summary>A router's address, on the client's side.</summary>
    public string Router => IsV6 ? "fd16::1" : S1Lab.ClientAddress;

    /// <summary>A real server's address.</summary>
    public string Address(string server) => Lab.RealServers.Where(s => s.Name == server).Select(s => IsV6 ? s.AddressV6 : s.Address).Single();

    /// <summary>An address as it stands before a port.</summary>
    public string Shown(string address) => IsV6 ? $"[{address}]" : address;

    /// <summary>A service as ipvsadm has it.</summary>
    public string Service(int port) => $"{Shown(Vip)}:{port}";

    /// <summary>MAC address of the director's port.</summary>
    public string Mac => S1Lab.DirectorMac;

    /// <summary>What runs on the client and on rs7 for checks with real programs.</summary>
    public Programs Programs => _programs ??= new Programs(Lab, ReferenceChecks.FileBytes);

    /// <summary>The kernels of the servers do as ever, until disposed of.</summary>
    public IDisposable Loud()
    {
        Netns[] hosts = [.. Lab.RealServers.Select(s => s.Netns)];
        Array.ForEach(hosts, h => h.Run($"nft delete table {Table}"));
        return new AtEnd(() => Array.ForEach(hosts, h => Quiet(h, "")));
    }

    public int NewClientPort() => ++_ports;

    public int NewServicePort() => ++_servicePorts;

    /// <summary>Runs an ipvsadm line that must succeed.</summary>
    public string Ipvsadm(string arguments)
    {
        CommandResult result = TryIpvsadm(arguments);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"{Name}: ipvsadm {arguments}: {result.Output}{result.Errors}");
    }

    public abstract string Name { get; }

    /// <summary>A setting below /proc/sys/net/ipv4/vs; our director has none of them.</summary>
    public abstract void Set(string name, int value);

    /// <summary>A client's packet: what becomes of it.</summary>
    public string Send(byte[] packet, Func<byte[], bool> belongs) => Send(_client, ClientMac, packet, belongs);

    /// <summary>A server's packet.</summary>
    public string SendFromServer(int server, byte[] packet, Func<byte[], bool> belongs) =>
        Send(_servers[server], server == 0 ? "02:00:00:00:00:07" : "02:00:00:00:00:08", packet, belongs);

    /// <summary>The packet that <see cref="Send(byte[], Func{byte[], bool})"/> found last.</summary>
    public byte[] Found { get; private set; } = [];

    /// <summary>
    /// "rs7" or "rs8": the director sent it there; what the client was told; or "silence". An echo request follows each packet: when
    /// it is answered, the director is through with the packet.
    /// </summary>
    private string Send(RawPort from, string mac, byte[] packet, Func<byte[], bool> belongs)
    {
        _client.Drain();
        Array.ForEach(_servers, s => s.Drain());
        from.Send(Packet.Frame(Mac, mac, packet));
        _client.Send(Packet.Frame(Mac, ClientMac, Packet.Echo(Client, Vip, Marker)));
        bool Fits(byte[] frame) => Pcap.Source(frame) == Mac && Packet.Inner(frame) is { Length: > 0 } inner && (belongs(inner) || IsMarker(inner));
        long end = Environment.TickCount64 + TimeoutMs;
        bool through = false;
        while (Environment.TickCount64 < end)
        {
            for (int server = 0; server < _servers.Length; server++)
            {
                if (_servers[server].Receive(Fits, 1) is byte[] forwarded)
                {
                    Found = Packet.Inner(forwarded);
                    return Lab.RealServers[server].Name;
                }
            }

            if (_client.Receive(Fits, 1) is byte[] answer)
            {
                Found = Packet.Inner(answer);
                if (!IsMarker(Found))
                {
                    return Describe(Found);
                }

                (through, end) = (true, Environment.TickCount64 + SettleMs);
            }
        }

        Found = [];
        return through ? "silence" : throw new TimeoutException($"{Name} does not even answer an echo request");
    }

    private static bool IsMarker(byte[] packet) => Packet.Kind(packet) == IcmpKind.EchoReply && Packet.EchoIdentifier(packet) == Marker;

    protected abstract CommandResult TryIpvsadm(string arguments);

    public virtual void Dispose()
    {
        _client.Dispose();
        Array.ForEach(_servers, s => s.Dispose());
        Lab.Dispose();
        GC.SuppressFinalize(this);
    }

    private string Describe(byte[] packet)
    {
        string source = Packet.Source(packet), from = source == Vip ? "VIP" : source == (IsV6 ? S1Lab.DipV6 : S1Lab.Dip).Split('/')[0] ? "DIP" : source;
        return Packet.Kind(packet) switch
        {
            IcmpKind.EchoReply => $"echo reply from {from}",
            IcmpKind.TooBig => $"{(IsV6 ? "packet too big" : "fragmentation needed")}, MTU {Packet.Mtu(packet)}, from {from}",
            IcmpKind.PortUnreachable => $"port unreachable from {from}",
            IcmpKind.TimeExceeded => $"time exceeded from {from}",
            IcmpKind.ProtocolUnreachable => $"protocol unreachable from {from}",
            _ when Packet.Protocol(packet) == Packet.Sctp => $"{Packet.Chunk(packet).ToString().ToUpperInvariant()} from {from}:{Packet.SourcePort(packet)}",
            _ when Packet.Protocol(packet) != Packet.Tcp => $"protocol {Packet.Protocol(packet)} from {from}",
            _ when (Packet.Flags(packet) & Packet.Rst) != 0 => $"RST from {from}",
            _ => $"segment from {from}:{Packet.SourcePort(packet)}",
        };
    }

    /// <summary>A kernel takes nothing but neighbour discovery of packets that match one of these.</summary>
    private static void Quiet(Netns netns, params string[] matches)
    {
        netns.Run($"nft add table {Table}");
        netns.Run($"nft add chain {Table} in {{ type filter hook input priority 0 ; }}");
        netns.Run($"nft add rule {Table} in icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept");
        Array.ForEach(matches, m => netns.Run($"nft add rule {Table} in {m} drop"));
    }

    private sealed class AtEnd(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}
