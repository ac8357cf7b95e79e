using System.Buffers.Binary;
using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Packets, fragments and ICMP errors of IPv6 clients and an IPv4 server through the stages, against <see cref="Nat64Rules"/>.</summary>
public sealed unsafe class Nat64FuzzTests : IDisposable
{
    private const ulong RouterMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private const string Client = "2001:db8::9", Vip = "fd16::100", Source = "172.16.58.200", Server = "172.16.58.7";
    private static readonly (byte Protocol, int Port)[] s_services = [(6, 80), (17, 53), (132, 3868)];
    private static readonly byte[] s_optional = [0, 60];
    private static readonly byte[] s_types4 = [3, 11, 12], s_types6 = [1, 2, 3, 4];
    private readonly EngineRig _rig = new(flows: 1024, FuzzNetwork.PortMac);
    private readonly Dictionary<(byte Protocol, int Port), int> _localPorts = [];
    private readonly Dictionary<string, long> _seen = [];

    public Nat64FuzzTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "172.16.58.2");
        for (int i = 0; i < s_services.Length; i++)
        {
            builder.Service(Vip, s_services[i].Port, s_services[i].Protocol, Scheduler.Maglev, 251, (lan, Server, 1));
            builder.FullNat(i + 1, s_services[i].Port + 1, $"172.16.58.{200 + i}");
        }

        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
    }

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Both_families_say_the_same()
    {
        using FuzzRun run = new("nat64");
        string[] kinds = ["request", "reply", "parts of a request", "parts of a reply", "error to the client", "error to the server", "none to the client", "none to the server", "none of parts", "bad"];
        while (run.GoesUntil(() => kinds.All(k => _seen.ContainsKey(k))))
        {
            (byte protocol, int port) = s_services[run.Random.Next(s_services.Length)];
            int clientPort = run.Random.Next(40_000, 40_064);
            Nat64Rules flow = Opened(run, protocol, port, clientPort);
            switch (run.Random.Next(6))
            {
                case 0: Request(run, flow, protocol); break;
                case 1: Reply(run, flow, protocol); break;
                case 2: PartsOfARequest(run, flow, protocol); break;
                case 3: PartsOfAReply(run, flow, protocol); break;
                case 4: ErrorToClient(run, flow, protocol); break;
                default: ErrorToServer(run, flow, protocol); break;
            }
        }

        Assert.Equal([], kinds.Where(k => !_seen.ContainsKey(k)));
    }

    /// <summary>A flow, with the local port that it has been given: none has two flows.</summary>
    private Nat64Rules Opened(FuzzRun run, byte protocol, int port, int clientPort)
    {
        Nat64Rules flow = new(Bytes(Client), Bytes(Vip), Bytes(Source[..^1] + Array.FindIndex(s_services, s => s.Protocol == protocol)), Bytes(Server), clientPort, port, 0, port + 1);
        byte[] ip = Ip.V6(Client, Vip, protocol, Transport(run.Random, protocol, clientPort, port, 20, flow.Client, flow.Vip));
        byte[] became = Run(run, ip, RouterMac) ?? [];
        int local = became.Length < 22 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(became.AsSpan(20));
        if (!_localPorts.TryGetValue((protocol, clientPort), out int before))
        {
            run.Require(local >= 1_024 && !_localPorts.Any(p => p.Key.Protocol == protocol && p.Value == local), $"local port {local}", ip);
            before = _localPorts[(protocol, clientPort)] = local;
        }

        run.Require(local == before, $"local port {local} after {before}", ip);
        return flow with { SourcePort = local };
    }

    private void Request(FuzzRun run, Nat64Rules flow, byte protocol)
    {
        Random random = run.Random;
        byte[] l4 = Transport(random, protocol, flow.ClientPort, flow.VipPort, random.Next(1_350), flow.Client, flow.Vip), ip = Varied(random, Ip.V6(Client, Vip, protocol, l4));
        int at = 40;
        if (random.Next(3) == 0)
        {
            byte kind = s_optional[random.Next(s_optional.Length)];
            byte[] header = [protocol, 1, 1, 12, .. new byte[12]];
            ip = WithLength([.. ip[..6], kind, .. ip[7..40], .. header, .. l4]);
            at += header.Length;
        }

        Expect(run, "request", ip, RouterMac, id => flow.ToServer(ip, at, protocol, fragment: 0, id));
    }

    private void Reply(FuzzRun run, Nat64Rules flow, byte protocol)
    {
        byte[] l4 = Transport(run.Random, protocol, flow.ServerPort, flow.SourcePort, run.Random.Next(1_350), flow.Server, flow.Source);
        byte[] ip = Answer(run.Random, flow, protocol, l4);
        Expect(run, "reply", ip, ServerMac, _ => flow.ToClient(ip));
    }

    /// <summary>Where SCTP's ports change, its first fragment is lost, and so are the others.</summary>
    private void PartsOfARequest(FuzzRun run, Nat64Rules flow, byte protocol)
    {
        Random random = run.Random;
        byte[] l4 = Transport(random, protocol, flow.ClientPort, flow.VipPort, random.Next(40, 1_350), flow.Client, flow.Vip), whole = Varied(random, Ip.V6(Client, Vip, protocol, l4));
        bool isHidden = random.Next(8) == 0; // options behind the fragment header
        byte[] divided = isHidden ? [protocol, 0, 1, 4, 0, 0, 0, 0, .. l4] : l4, id = [(byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)];
        for (int at = 0, end; at < divided.Length; at = end)
        {
            end = Math.Min(divided.Length, at + 32 + (8 * random.Next(20)));
            byte[] header = [isHidden ? (byte)60 : protocol, 0, (byte)(at >> 8), (byte)(at | (end < divided.Length ? 1 : 0)), .. id], ip = WithLength([.. whole[..6], 44, .. whole[7..40], .. header, .. divided[at..end]]);
            int from = at == 0 && isHidden ? 56 : 48;
            bool isWhole = at == 0 && end == divided.Length; // atomic: RFC 6946
            if (isWhole)
            {
                return;
            }

            byte[]? expected = protocol == 132 || isHidden ? null : flow.ToServer(ip, from, protocol, fragment: 40, chosen: 0);
            Expect(run, expected == null ? "none of parts" : "parts of a request", ip, RouterMac, _ => expected);
        }
    }

    private void PartsOfAReply(FuzzRun run, Nat64Rules flow, byte protocol)
    {
        Random random = run.Random;
        byte[] l4 = Transport(random, protocol, flow.ServerPort, flow.SourcePort, random.Next(40, 1_350), flow.Server, flow.Source);
        bool isLost = protocol == 132 || (protocol == 17 && l4[6] == 0 && l4[7] == 0);
        int id = random.Next(65_536);
        for (int at = 0, end; at < l4.Length; at = end)
        {
            end = Math.Min(l4.Length, at + 32 + (8 * random.Next(20)));
            if (at == 0 && end == l4.Length)
            {
                return;
            }

            byte[] ip = Answer(random, flow, protocol, l4[at..end]);
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(4), (ushort)id);
            BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(6), (ushort)((at / 8) | (end < l4.Length ? 0x2000 : 0)));
            byte[] part = Ip.Finish4(ip);
            Expect(run, isLost ? "none of parts" : "parts of a reply", part, ServerMac, _ => isLost ? null : flow.ToClient(part));
        }
    }

    private void ErrorToClient(FuzzRun run, Nat64Rules flow, byte protocol)
    {
        Random random = run.Random;
        bool isLarge = random.Next(8) == 0; // the whole of a large packet is quoted: what it becomes is cut, not too big
        byte[] l4 = Transport(random, protocol, flow.SourcePort, flow.ServerPort, isLarge ? random.Next(1_350, 1_400) : random.Next(1_400), flow.Source, flow.Server);
        byte[] about = Mutator.WithOptions(random, Ip.V4(new IPAddress(flow.Source).ToString(), Server, protocol, l4, random.Next(256), random.Next(65_536), dontFragment: true, random.Next(256)));
        int least = ((about[0] & 15) * 4) + 8;
        byte[] icmp = [s_types4[random.Next(s_types4.Length)], (byte)random.Next(18), 0, 0, (byte)random.Next(24), 0, .. Mtu(random), .. about[..(isLarge ? about.Length : random.Next(least, about.Length + 1))]];
        BinaryPrimitives.WriteUInt16BigEndian(icmp.AsSpan(2), (ushort)~Ip.Sum(icmp));
        byte[] ip = Mutator.WithOptions(random, Ip.V4("198.51.100.1", new IPAddress(flow.Source).ToString(), 1, icmp, random.Next(256), ttl: random.Next(2, 256)));
        Expect(run, "error to the client", Damaged(random, ip, (ip[0] & 15) * 4, out bool isBad), ServerMac, _ => isBad ? null : flow.ErrorToClient(ip), isBad ? "bad" : "none to the client");
    }

    private void ErrorToServer(FuzzRun run, Nat64Rules flow, byte protocol)
    {
        Random random = run.Random;
        byte[] l4 = Transport(random, protocol, flow.VipPort, flow.ClientPort, random.Next(1_200), flow.Vip, flow.Client), about = Ip.V6(Vip, Client, protocol, l4, random.Next(256), random.Next(256));
        byte[] icmp = [s_types6[random.Next(s_types6.Length)], (byte)random.Next(6), 0, 0, 0, 0, .. random.Next(2) == 0 ? Mtu(random) : [0, (byte)random.Next(44)], .. about[..random.Next(48, Math.Min(about.Length, 1_232) + 1)]];
        byte[] ip = Ip.Finish(Ip.V6("2001:db8::abc", Vip, 58, icmp, random.Next(256), random.Next(2, 256)));
        Expect(run, "error to the server", Damaged(random, ip, 40, out bool isBad), RouterMac, id => isBad ? null : flow.ErrorToServer(ip, 40, id), isBad ? "bad" : "none to the server");
    }

    /// <summary>What became of a packet is what the rules say; an identification is the director's choice.</summary>
    private void Expect(FuzzRun run, string kind, byte[] ip, ulong from, Func<int, byte[]?> rule, string? ifNone = null)
    {
        byte[]? found = Run(run, ip, from);
        byte[]? expected = rule(found == null || found.Length < 6 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(found.AsSpan(4)));
        run.Require(expected == null ? found == null : found != null && expected.AsSpan().SequenceEqual(found), $"{kind}: {Convert.ToHexString(found ?? [])} where {Convert.ToHexString(expected ?? [])} is right", ip);
        string seen = expected == null ? ifNone ?? kind : kind;
        _seen[seen] = _seen.GetValueOrDefault(seen) + 1;
    }

    /// <summary>The packet that a packet becomes, or null if it is dropped.</summary>
    private byte[]? Run(FuzzRun run, byte[] ip, ulong from)
    {
        run.Trying(ip);
        _rig.State->NowMs += 1;
        _rig.Run(0, Frames.Of(ip, FuzzNetwork.PortMac, from));
        if (_rig.Burst->VerdictOf(0) == Verdict.Drop)
        {
            return null;
        }

        ulong to = BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask;
        bool toServer = _rig.Frame(0)[14] >> 4 == 4;
        run.Require(_rig.Burst->VerdictOf(0) == Verdict.Forward && to == (toServer ? EngineRig.MacOfNextHop(1) : RouterMac) && _rig.Frame(0)[12] == (toServer ? 0x08 : 0x86), $"{_rig.Burst->VerdictOf(0)} to {to:x}", ip);
        return _rig.Frame(0)[14..].ToArray();
    }

    private static byte[] Answer(Random random, Nat64Rules flow, byte protocol, byte[] l4) =>
        Mutator.WithOptions(random, Ip.V4(Server, new IPAddress(flow.Source).ToString(), protocol, l4, random.Next(256), random.Next(65_536), random.Next(2) == 0, random.Next(2, 256)));

    /// <summary>A transport with a right checksum, a wrong one now and then, and (UDP) none.</summary>
    private static byte[] Transport(Random random, byte protocol, int from, int to, int payloadBytes, byte[] fromAddress, byte[] toAddress)
    {
        byte[] l4 = new byte[(protocol switch { 6 => 20, 17 => 8, _ => 16 }) + payloadBytes];
        random.NextBytes(l4);
        BinaryPrimitives.WriteUInt16BigEndian(l4, (ushort)from);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(2), (ushort)to);
        switch (protocol)
        {
            case 6:
                (l4[12], l4[13]) = (0x50, 0x18);
                break;
            case 17:
                BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(4), (ushort)l4.Length);
                break;
            default:
                (l4[12], l4[13], l4[14], l4[15]) = (0, 3, 0, 16);
                BinaryPrimitives.WriteUInt32LittleEndian(l4.AsSpan(8), random.Next(8) == 0 ? (uint)random.Next() : SctpReading.Crc(l4));
                return l4;
        }

        int field = protocol == 6 ? 16 : 6;
        l4[field] = l4[field + 1] = 0;
        byte[] pseudo = [.. fromAddress, .. toAddress, 0, protocol, (byte)(l4.Length >> 8), (byte)l4.Length];
        int sum = 0xFFFF ^ Ip.Sum([.. pseudo, .. l4]), value = random.Next(8) switch { 0 => random.Next(1, 65_536), 1 when protocol == 17 => 0, _ => sum == 0 ? 0xFFFF : sum };
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(field), (ushort)value);
        return l4;
    }

    private static byte[] Varied(Random random, byte[] ip6)
    {
        BinaryPrimitives.WriteUInt32BigEndian(ip6, 0x60000000 | (uint)random.Next(1 << 28));
        ip6[7] = (byte)random.Next(2, 256);
        return ip6;
    }

    private static byte[] Mtu(Random random) => random.Next(4) == 0 ? [0, 0] : [(byte)random.Next(256), (byte)random.Next(256)];

    /// <summary>Now and then with a checksum that is wrong.</summary>
    private static byte[] Damaged(Random random, byte[] ip, int icmp, out bool isBad)
    {
        isBad = random.Next(16) == 0;
        byte[] damaged = [.. ip];
        damaged[icmp + 2] ^= isBad ? (byte)1 : (byte)0;
        return damaged;
    }

    private static byte[] WithLength(byte[] ip6)
    {
        BinaryPrimitives.WriteUInt16BigEndian(ip6.AsSpan(4), (ushort)(ip6.Length - 40));
        return ip6;
    }

    private static byte[] Bytes(string address) => IPAddress.Parse(address).GetAddressBytes();
}
