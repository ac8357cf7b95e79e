using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>
/// Scenario S1 around one director, ours or IPVS, with client and servers made of raw frames: their kernels keep still, so
/// that each packet is one that a check has sent, and each answer is the director's.
/// </summary>
public abstract class ReferenceBed : IDisposable
{
    public const string Client = "172.16.0.50", Vip = S1Lab.Vip, Dip = "172.16.58.2", ClientMac = "02:00:00:00:00:01";
    private const int Marker = 0xFFFF, TimeoutMs = 10_000, SettleMs = 60;
    private readonly RawPort _client;
    private readonly RawPort[] _servers;
    private int _ports = 20_000, _servicePorts = 7_000;

    protected ReferenceBed(S1Lab lab)
    {
        Lab = lab;
        lab.Client.Ip($"addr add {Client}/16 dev e0");   // its kernel answers ARP for it, and nothing else
        Quiet(lab.Client, $"ip daddr {Client} drop");
        foreach (RealServerHost server in lab.RealServers)
        {
            Quiet(server.Netns, "drop");
        }

        _client = new RawPort(lab.Client, "e0");
        _servers = [.. lab.RealServers.Select(s => new RawPort(s.Netns, "e0"))];
    }

    public S1Lab Lab { get; }

    /// <summary>MAC address of the director's port.</summary>
    public string Mac => S1Lab.DirectorMac;

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

    private static bool IsMarker(byte[] packet) => packet[9] == Packet.Icmp && packet[20] == 0 && ((packet[24] << 8) | packet[25]) == Marker;

    protected abstract CommandResult TryIpvsadm(string arguments);

    public virtual void Dispose()
    {
        _client.Dispose();
        Array.ForEach(_servers, s => s.Dispose());
        Lab.Dispose();
        GC.SuppressFinalize(this);
    }

    private static string Describe(byte[] packet)
    {
        string from = Packet.Source(packet) switch { Vip => "VIP", Dip => "DIP", string other => other };
        return packet[9] switch
        {
            Packet.Tcp when (packet[33] & Packet.Rst) != 0 => $"RST from {from}",
            Packet.Tcp => $"segment from {from}:{Packet.SourcePort(packet)}",
            Packet.Icmp when packet[20] == 0 => $"echo reply from {from}",
            Packet.Icmp when packet[20] == 3 && packet[21] == 4 => $"fragmentation needed, MTU {(packet[26] << 8) | packet[27]}, from {from}",
            Packet.Icmp when packet[20] == 3 && packet[21] == 3 => $"port unreachable from {from}",
            Packet.Icmp when packet[20] == 11 => $"time exceeded from {from}",
            byte other => $"protocol {other} from {from}",
        };
    }

    private static void Quiet(Netns netns, string rule)
    {
        netns.Run("nft add table inet quiet");
        netns.Run("nft add chain inet quiet in { type filter hook input priority 0 ; }");
        netns.Run($"nft add rule inet quiet in {rule}");
    }
}
