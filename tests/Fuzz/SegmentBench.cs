using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>A worker's engine with FullNAT services whose servers get the clients' addresses: TCP segments go through it and are held against what a second reading expects.</summary>
internal sealed unsafe class SegmentBench : IDisposable
{
    public const int PathBytes = 1_500;
    private const ulong RouterMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private const int Port = 80, ServerPort = 8_080, ClientPortMin = 1_000, ClientPorts = 200, BadOneIn = 16;
    private static readonly (string Client, string Vip, string Source, string Server)[] s_ways =
        [("192.0.2.9", "172.16.58.1", "172.16.58.200", "172.16.58.7"), ("2001:db8::9", "fd16::100", "fd16::200", "fd16::7"), ("2001:db8::9", "fd16::164", "172.16.58.201", "172.16.58.8")];

    private readonly EngineRig _rig = new(flows: 1024, FuzzNetwork.PortMac);
    private int _connections;

    public SegmentBench(ClientAddressMode mode)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "172.16.58.2", PathBytes);
        for (int i = 0; i < s_ways.Length; i++)
        {
            builder.Service(s_ways[i].Vip, Port, Wire.Tcp, Scheduler.Maglev, 251, (lan, s_ways[i].Server, 1));
            builder.FullNat(i + 1, ServerPort, s_ways[i].Source);
            builder.Content.Services[i + 1] = builder.Content.Services[i + 1] with { ClientAddress = mode };
        }

        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
    }

    public WorkerCounters Counters => _rig.Counters;

    public void Dispose() => _rig.Dispose();

    /// <summary>Client, VIP and server of a new connection: IPv4, IPv6 or NAT64; and the bytes of the IP header towards the server.</summary>
    public (IPEndPoint Client, IPEndPoint Vip, IPEndPoint Server, int PathHeaderBytes) Ends(Random random)
    {
        (string from, string to, _, string real) = s_ways[random.Next(s_ways.Length)];
        IPEndPoint client = new(IPAddress.Parse(from), ClientPortMin + (_connections++ % ClientPorts)), server = new(IPAddress.Parse(real), ServerPort);
        return (client, new IPEndPoint(IPAddress.Parse(to), Port), server, server.AddressFamily == AddressFamily.InterNetwork ? 20 : 40);
    }

    /// <summary>The packet, now and then with a checksum that is wrong and must stay so.</summary>
    public static (byte[] Packet, bool IsBad) Packet(Random random, Segment segment)
    {
        byte[] packet = segment.ToPacket();
        bool isBad = random.Next(BadOneIn) == 0;
        packet[(packet[0] >> 4 == 4 ? 20 : 40) + 16] ^= isBad ? (byte)0x10 : (byte)0;
        return (packet, isBad);
    }

    /// <summary>What becomes of a packet; null if it is not forwarded.</summary>
    public byte[]? Run(FuzzRun run, byte[] packet, bool toServer)
    {
        run.Trying(packet);
        _rig.Run(0, Frames.Of(packet, FuzzNetwork.PortMac, toServer ? RouterMac : ServerMac));
        return _rig.Burst->VerdictOf(0) == Verdict.Forward ? _rig.Frame(0)[14..].ToArray() : null;
    }

    /// <summary>The director's end of a connection, by a packet that the server gets.</summary>
    public static IPEndPoint Local(byte[] packet)
    {
        bool v4 = packet[0] >> 4 == 4;
        return new IPEndPoint(new IPAddress(packet.AsSpan(v4 ? 12 : 8, v4 ? 4 : 16)), (packet[v4 ? 20 : 40] << 8) | packet[v4 ? 21 : 41]);
    }

    /// <summary>Fails unless a packet became what is expected.</summary>
    public static void Compare(FuzzRun run, byte[] packet, Segment? expected, byte[]? became, bool isBad)
    {
        run.Require((expected == null) == (became == null), expected == null ? "is not refused" : "is lost", packet);
        if (expected == null || became == null)
        {
            return;
        }

        int checksum = (became[0] >> 4 == 4 ? 20 : 40) + 16;
        if (isBad)
        {
            byte[] wrong = [.. became];
            run.Require(!Ip.Finish(wrong).AsSpan(checksum, 2).SequenceEqual(became.AsSpan(checksum, 2)), "a wrong checksum has become right", packet);
            became = wrong;
        }

        byte[] got = Segment.Of(became).ToPacket(), should = expected.ToPacket();
        run.Require(got.AsSpan().SequenceEqual(should), $"became {Convert.ToHexString(got)}, not {Convert.ToHexString(should)}", packet);
    }

    /// <summary>Random bytes.</summary>
    public static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Options of a segment: those that a choice gives, and bytes that are none.</summary>
    public static byte[] Options(Random random, int most, Func<int, byte[]> choice, int choices)
    {
        List<byte> options = [];
        for (int n = random.Next(most); n > 0; n--)
        {
            int kind = random.Next(choices + 1);
            byte[] option = kind == choices ? Bytes(random, 3) : choice(kind);
            options.AddRange(options.Count + option.Length <= 40 ? option : []);
        }

        return [.. options, .. new byte[(4 - (options.Count % 4)) % 4]];
    }
}
