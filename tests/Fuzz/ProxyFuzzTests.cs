using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>TCP segments of a client and of a server that gets the PROXY protocol's header, in any order, against <see cref="ProxyRules"/>.</summary>
public sealed unsafe class ProxyFuzzTests : IDisposable
{
    private const ulong RouterMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private const int PathBytes = 1_500, SegmentsMax = 40, FarSegments = 400, FarOneIn = 64, ClientPortMin = 1_000, ClientPorts = 200;
    private const long Step = 1 << 28;
    private static readonly byte[] s_flags = [16, 16, 16, 16, 24, 17, 48, 2, 18, 4, 20, 0, 6];
    private static readonly (string Client, string Vip, string Source, string Server)[] s_ways =
        [("192.0.2.9", "172.16.58.1", "172.16.58.200", "172.16.58.7"), ("2001:db8::9", "fd16::100", "fd16::200", "fd16::7"), ("2001:db8::9", "fd16::164", "172.16.58.201", "172.16.58.8")];

    private readonly EngineRig _rig = new(flows: 1024, FuzzNetwork.PortMac);
    private readonly Dictionary<string, long> _seen = [];
    private int _connections;

    public ProxyFuzzTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "172.16.58.2", PathBytes);
        for (int i = 0; i < s_ways.Length; i++)
        {
            builder.Service(s_ways[i].Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, s_ways[i].Server, 1));
            builder.FullNat(i + 1, 8_080, s_ways[i].Source);
            builder.Content.Services[i + 1] = builder.Content.Services[i + 1] with { ClientAddress = ClientAddressMode.ProxyV2 };
        }

        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
    }

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Segments_become_what_the_second_reading_says()
    {
        using FuzzRun run = new("proxy");
        string[] kinds = ["header", "header and data", "higher", "same to the server", "lower", "same to the client", "options", "refused", "bad", "far"];
        while (run.GoesUntil(() => kinds.All(k => _seen.ContainsKey(k))))
        {
            Connection(run, run.Random.Next(s_ways.Length));
        }

        Assert.Equal([], kinds.Where(k => !_seen.ContainsKey(k)));
    }

    private void Connection(FuzzRun run, int way)
    {
        Random random = run.Random;
        int clientPort = ClientPortMin + (_connections++ % ClientPorts);
        IPEndPoint client = new(IPAddress.Parse(s_ways[way].Client), clientPort), vip = new(IPAddress.Parse(s_ways[way].Vip), 80), server = new(IPAddress.Parse(s_ways[way].Server), 8_080);
        bool nat64 = client.AddressFamily != server.AddressFamily;
        ProxyRules rules = new(client, vip, server, PathBytes, nat64 || client.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 20 : 40);
        ToServer(run, rules, new Segment(client, vip) { Sequence = (uint)random.NextInt64(1L << 32), Flags = Segment.Syn });
        if (random.Next(8) != 0)
        {
            ToClient(run, rules, new Segment(server, rules.Local) { Sequence = (uint)random.Next(), Acknowledgment = rules.Number(0), Flags = Segment.Syn | Segment.Ack, Options = [2, 4, 5, 180] });
        }

        bool far = random.Next(FarOneIn) == 0; // a connection of more bytes than there are numbers
        for (int n = far ? FarSegments : random.Next(SegmentsMax); n > 0; n--)
        {
            Segment segment = random.Next(2) == 0 ? new Segment(client, vip) : new Segment(server, rules.Local);
            long place = random.Next(3) switch { 0 => 0, 1 => random.Next(-3, 70), _ => rules.Acknowledged + random.Next(-70, 70) + (far ? random.NextInt64(Step) : 0) };
            _ = far && rules.Acknowledged > 1L << 32 && Seen("far");
            place = rules.Acknowledged > Step ? Math.Max(place, rules.Acknowledged - Step) : place; // nothing is so late
            bool toServer = segment.From == client;
            segment = segment with
            {
                Flags = s_flags[random.Next(s_flags.Length)], Sequence = toServer ? rules.Number(place) : (uint)random.Next(), Acknowledgment = toServer ? (uint)random.Next() : rules.Number(place), Urgent = (ushort)random.Next(1 << 16),
                Options = Options(random), Data = Bytes(random, random.Next(3) switch { 0 => 0, 1 => random.Next(60), _ => random.Next(1_400) }), Ttl = random.Next(2, 256),
            };
            if (far || ((segment.Flags & (Segment.Rst | Segment.Fin)) != 0 && n > 1 && random.Next(3) != 0))
            {
                segment = segment with { Flags = Segment.Ack }; // most connections last
            }

            if (toServer)
            {
                ToServer(run, rules, segment);
            }
            else
            {
                ToClient(run, rules, segment);
            }

            if ((segment.Flags & (Segment.Rst | Segment.Fin)) != 0)
            {
                break; // a SYN may be a new flow's now
            }
        }

        ToServer(run, rules, new Segment(client, vip) { Sequence = rules.Number(rules.Acknowledged), Flags = Segment.Rst }); // the next one of this port is a new flow
    }

    private void ToServer(FuzzRun run, ProxyRules rules, Segment sent)
    {
        (byte[] packet, bool isBad) = Packet(run.Random, sent);
        byte[]? became = Run(run, packet, RouterMac);
        if (rules.Local.Port == 0)
        {
            bool v4 = became![0] >> 4 == 4;
            rules.Local = new IPEndPoint(new IPAddress(became.AsSpan(v4 ? 12 : 8, v4 ? 4 : 16)), (became[v4 ? 20 : 40] << 8) | became[v4 ? 21 : 41]);
        }

        Segment? expected = rules.ToServer(sent);
        Compare(run, packet, expected, became, isBad);
        _ = Seen(expected == null ? "refused" : expected.Data.Length > sent.Data.Length && sent.Data.Length != 0 ? "header and data" : expected.Data.Length > 0 && sent.Data.Length == 0 ? "header" : expected.Sequence != sent.Sequence ? "higher" : "same to the server");
    }

    private void ToClient(FuzzRun run, ProxyRules rules, Segment sent)
    {
        (byte[] packet, bool isBad) = Packet(run.Random, sent);
        byte[]? became = Run(run, packet, ServerMac);
        Segment expected = rules.ToClient(sent);
        Compare(run, packet, expected, became, isBad);
        _ = Seen(expected.Acknowledgment != sent.Acknowledgment ? "lower" : "same to the client");
        _ = !expected.Options.AsSpan().SequenceEqual(sent.Options) && Seen("options");
    }

    /// <summary>The packet, now and then with a checksum that is wrong and must stay so.</summary>
    private (byte[] Packet, bool IsBad) Packet(Random random, Segment segment)
    {
        byte[] packet = segment.ToPacket();
        bool isBad = random.Next(16) == 0;
        packet[(packet[0] >> 4 == 4 ? 20 : 40) + 16] ^= isBad ? (byte)0x10 : (byte)0;
        _ = isBad && Seen("bad");
        return (packet, isBad);
    }

    private static void Compare(FuzzRun run, byte[] packet, Segment? expected, byte[]? became, bool isBad)
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

    private byte[]? Run(FuzzRun run, byte[] packet, ulong from)
    {
        run.Trying(packet);
        _rig.Run(0, Frames.Of(packet, FuzzNetwork.PortMac, from));
        return _rig.Burst->VerdictOf(0) == Verdict.Forward ? _rig.Frame(0)[14..].ToArray() : null;
    }

    private bool Seen(string kind) => (_seen[kind] = _seen.GetValueOrDefault(kind) + 1) != 0;

    private static byte[] Options(Random random)
    {
        List<byte> options = [];
        for (int n = random.Next(4); n > 0; n--)
        {
            byte[] option = random.Next(6) switch
            {
                0 => [1], 1 => [2, 4, .. Bytes(random, 2)], 2 => [5, 10, .. Bytes(random, 8)], 3 => [8, 10, .. Bytes(random, 8)], 4 => [0], _ => Bytes(random, 3),
            };
            options.AddRange(options.Count + option.Length <= 40 ? option : []);
        }

        return [.. options, .. new byte[(4 - (options.Count % 4)) % 4]];
    }

    private static byte[] Bytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
