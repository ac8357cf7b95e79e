using System.Buffers.Binary;
using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Packets, echoes, fragments and ICMP errors of inside hosts and of who answers them through the stages, against <see cref="SnatRules"/>.</summary>
public sealed unsafe class SnatFuzzTests : IDisposable
{
    private const ulong HostMac = 0x070000000002, GatewayMac = 0x0C0000000002, OutMac = FuzzNetwork.PortMac + (1UL << 40);
    private const int InsidePorts = 24;
    private static readonly string[] s_inside4 = ["10.1.0.7", "10.1.0.8"], s_inside6 = ["fd17::7", "fd17::8"], s_outside4 = ["198.51.100.9", "198.51.100.10"], s_outside6 = ["2001:db8::9", "2001:db8::a"];
    private static readonly string[] s_kinds = ["outwards", "back", "parts outwards", "parts back", "error back", "error outwards", "stranger", "bad", "none of parts", "not covered"];
    private static readonly byte[] s_types4 = [3, 11, 12], s_types6 = [1, 2, 3, 4];
    private readonly EngineRig _rig = new(flows: 4096, FuzzNetwork.PortMac, OutMac);
    private readonly Dictionary<string, int> _localPorts = [];
    private readonly HashSet<(bool V6, bool Tcp, int Port)> _taken = [];
    private readonly Dictionary<string, long> _seen = [];

    public SnatFuzzTests()
    {
        ContentBuilder builder = new();
        builder.Interface(0, 0, "10.1.0.1");
        ushort wan = builder.Interface(1, 0, "192.0.2.1");
        builder.Snat(wan, "192.0.2.254", builder.Pool("192.0.2.200"), ["10.1.0.0/24"]);
        builder.Snat(wan, "fd18::fe", builder.Pool("fd18::200"), ["fd17::/64"]);
        _rig.Publish(builder.Content);
        _rig.ResolveAll(builder.Content);
    }

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Both_ways_are_as_the_rules_say()
    {
        using FuzzRun run = new("snat");
        while (run.GoesUntil(() => s_kinds.All(_seen.ContainsKey)))
        {
            SnatRules flow = Opened(run);
            switch (run.Random.Next(9))
            {
                case 0 or 1: Outwards(run, flow); break;
                case 2 or 3: Back(run, flow); break;
                case 4: Parts(run, flow, outwards: true); break;
                case 5: Parts(run, flow, outwards: false); break;
                case 6: ErrorBack(run, flow); break;
                case 7: ErrorOutwards(run, flow); break;
                default: Stranger(run, flow); break;
            }
        }

        Assert.Equal([], s_kinds.Where(k => !_seen.ContainsKey(k)));
    }

    /// <summary>A flow, with the local port that it has been given: none has two flows of its space.</summary>
    private SnatRules Opened(FuzzRun run)
    {
        Random random = run.Random;
        bool v6 = random.Next(2) == 0;
        byte protocol = random.Next(4) switch { 0 => 6, 1 => 17, 2 => 132, _ => v6 ? (byte)58 : (byte)1 };
        bool isEcho = protocol is 1 or 58;
        SnatRules flow = new(Bytes(v6 ? s_inside6 : s_inside4, random), Bytes(v6 ? s_outside6 : s_outside4, random), IPAddress.Parse(v6 ? "fd18::200" : "192.0.2.200").GetAddressBytes(), protocol, random.Next(1, InsidePorts), isEcho ? 0 : random.Next(80, 82), 0);
        byte[] ip = Ip6Or4(random, flow.Inside, flow.Outside, protocol, Transport(random, flow, outwards: true, 20), out int l4);
        byte[] became = Run(run, ip, fromInside: true) ?? [];
        int at = l4 + (isEcho ? 4 : 0), local = became.Length < at + 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(became.AsSpan(at));
        string ends = $"{protocol} {Convert.ToHexString(flow.Inside)} {flow.InsidePort} {Convert.ToHexString(flow.Outside)} {flow.OutsidePort}";
        if (!_localPorts.TryGetValue(ends, out int before))
        {
            run.Require(local >= 1_024 && _taken.Add((v6, protocol == 6, local)), $"local port {local}", ip);
            before = _localPorts[ends] = local;
        }

        run.Require(local == before, $"local port {local} after {before}", ip);
        return flow with { LocalPort = local };
    }

    private void Outwards(FuzzRun run, SnatRules flow)
    {
        byte[] ip = Ip6Or4(run.Random, flow.Inside, flow.Outside, flow.Protocol, Transport(run.Random, flow, outwards: true, run.Random.Next(1_300)), out int l4);
        Expect(run, "outwards", ip, fromInside: true, flow.Outwards(ip, l4));
    }

    private void Back(FuzzRun run, SnatRules flow)
    {
        byte[] ip = Ip6Or4(run.Random, flow.Outside, flow.Source, flow.Protocol, Transport(run.Random, flow, outwards: false, run.Random.Next(1_300)), out int l4);
        Expect(run, "back", ip, fromInside: false, flow.Back(ip, l4));
    }

    /// <summary>SCTP's first fragment is lost, and so are the others. Those of echoes are the host's, or nobody's.</summary>
    private void Parts(FuzzRun run, SnatRules flow, bool outwards)
    {
        Random random = run.Random;
        if (flow.Protocol is 1 or 58)
        {
            return;
        }

        byte[] l4 = Transport(random, flow, outwards, random.Next(40, 1_300)), from = outwards ? flow.Inside : flow.Outside, to = outwards ? flow.Outside : flow.Source;
        int id = random.Next(1 << 16);
        for (int at = 0, end; at < l4.Length; at = end)
        {
            end = Math.Min(l4.Length, at + 32 + (8 * random.Next(20)));
            if (at == 0 && end == l4.Length)
            {
                return;
            }

            byte[] part = Part(random, from, to, flow.Protocol, l4[at..end], at, end < l4.Length, id, out int header);
            byte[]? expected = flow.Protocol == 132 ? null : flow.Part(part, header, outwards, isFirst: at == 0);
            Expect(run, expected == null ? "none of parts" : outwards ? "parts outwards" : "parts back", part, outwards, expected);
        }
    }

    private static byte[] Part(Random random, byte[] from, byte[] to, byte protocol, byte[] bytes, int at, bool more, int id, out int header)
    {
        string source = new IPAddress(from).ToString(), destination = new IPAddress(to).ToString();
        if (from.Length == 16)
        {
            header = 48;
            byte[] fragment = [protocol, 0, (byte)(at >> 8), (byte)(at | (more ? 1 : 0)), 0, 0, (byte)(id >> 8), (byte)id];
            return Ip.V6(source, destination, 44, [.. fragment, .. bytes], random.Next(256), random.Next(2, 256));
        }

        header = 20;
        byte[] ip = Ip.V4(source, destination, protocol, bytes, random.Next(256), id, ttl: random.Next(2, 256));
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(6), (ushort)((at / 8) | (more ? 0x2000 : 0)));
        return Ip.Finish4(ip);
    }

    private void ErrorBack(FuzzRun run, SnatRules flow)
    {
        // It quotes what has gone out.
        SnatRules sent = flow with { Inside = flow.Source, InsidePort = flow.LocalPort };
        byte[] ip = Error(run.Random, flow.Inside.Length == 16 ? "2001:db8:1::1" : "203.0.113.1", flow.Source, About(run.Random, sent, outwards: true), out int icmp, out bool isBad);
        Expect(run, isBad ? "bad" : "error back", ip, fromInside: false, flow.ErrorBack(ip, icmp));
    }

    private void ErrorOutwards(FuzzRun run, SnatRules flow)
    {
        // It quotes what has come in, as the host has got it.
        SnatRules got = flow with { Source = flow.Inside, LocalPort = flow.InsidePort };
        byte[] ip = Error(run.Random, flow.Inside.Length == 16 ? "fd17::99" : "10.1.0.99", flow.Outside, About(run.Random, got, outwards: false), out int icmp, out bool isBad);
        Expect(run, isBad ? "bad" : "error outwards", ip, fromInside: true, flow.ErrorOutwards(ip, icmp));
    }

    /// <summary>A packet as an error quotes it: without extension headers.</summary>
    private static byte[] About(Random random, SnatRules flow, bool outwards)
    {
        byte[] l4 = Transport(random, flow, outwards, random.Next(1_100));
        string from = new IPAddress(outwards ? flow.Inside : flow.Outside).ToString(), to = new IPAddress(outwards ? flow.Outside : flow.Source).ToString();
        return flow.Inside.Length == 16 ? Ip.V6(from, to, flow.Protocol, l4, random.Next(256), random.Next(256)) : Mutator.WithOptions(random, Ip.V4(from, to, flow.Protocol, l4, random.Next(256), random.Next(65_536), true, random.Next(256)));
    }

    private static byte[] Error(Random random, string from, byte[] to, byte[] about, out int icmp, out bool isBad)
    {
        bool v6 = to.Length == 16;
        int least = v6 ? 48 : ((about[0] & 15) * 4) + 8;
        byte[] message = [v6 ? s_types6[random.Next(s_types6.Length)] : s_types4[random.Next(s_types4.Length)], (byte)random.Next(16), 0, 0, 0, 0, (byte)random.Next(256), (byte)random.Next(256), .. about[..random.Next(least, about.Length + 1)]];
        byte[] ip = Ip.Finish(v6 ? Ip.V6(from, new IPAddress(to).ToString(), 58, message, random.Next(256), random.Next(2, 256)) : Ip.V4(from, new IPAddress(to).ToString(), 1, message, random.Next(256), ttl: random.Next(2, 256)));
        icmp = v6 ? 40 : 20;
        isBad = random.Next(16) == 0;
        ip[icmp + 2] ^= isBad ? (byte)1 : (byte)0;
        return ip;
    }

    /// <summary>Who is not the destination is not heard; what no rule takes is the host's.</summary>
    private void Stranger(FuzzRun run, SnatRules flow)
    {
        Random random = run.Random;
        bool v6 = flow.Inside.Length == 16, isEcho = flow.Protocol is 1 or 58;
        SnatRules other = random.Next(3) switch
        {
            0 => flow with { Outside = IPAddress.Parse(v6 ? "2001:db8::ffff" : "198.51.100.99").GetAddressBytes() },
            1 when !isEcho => flow with { OutsidePort = 82 },
            _ => flow with { LocalPort = random.Next(1_024) },
        };
        byte[] ip = Ip6Or4(random, other.Outside, flow.Source, flow.Protocol, Transport(random, other, outwards: false, random.Next(100)), out _);
        Expect(run, "stranger", ip, fromInside: false, null);
        run.Require((DropReason)_rig.Burst->Reason[0] == DropReason.NoSession, $"{(DropReason)_rig.Burst->Reason[0]}", ip);

        SnatRules foreign = flow with { Inside = IPAddress.Parse(v6 ? "fd19::7" : "10.2.0.7").GetAddressBytes() };
        ip = Ip6Or4(random, foreign.Inside, flow.Outside, flow.Protocol, Transport(random, foreign, outwards: true, random.Next(100)), out _);
        run.Trying(ip);
        _rig.Run(0, Frames.Of(ip, FuzzNetwork.PortMac, HostMac));
        run.Require(_rig.Burst->VerdictOf(0) == Verdict.Punt && _rig.Frame(0)[14..].SequenceEqual(ip), $"{_rig.Burst->VerdictOf(0)} where a punt is right", ip);
        _seen["not covered"] = _seen.GetValueOrDefault("not covered") + 1;
    }

    /// <summary>What became of a packet is what the rules say.</summary>
    private void Expect(FuzzRun run, string kind, byte[] ip, bool fromInside, byte[]? expected)
    {
        byte[]? found = Run(run, ip, fromInside);
        run.Require(expected == null ? found == null : found != null && expected.AsSpan().SequenceEqual(found), $"{kind}: {Convert.ToHexString(found ?? [])} where {Convert.ToHexString(expected ?? [])} is right", ip);
        _seen[kind] = _seen.GetValueOrDefault(kind) + 1;
    }

    /// <summary>The packet that a packet becomes, or null if it is dropped.</summary>
    private byte[]? Run(FuzzRun run, byte[] ip, bool fromInside)
    {
        run.Trying(ip);
        _rig.State->NowMs += 1;
        _rig.Run(fromInside ? 0 : 1, Frames.Of(ip, fromInside ? FuzzNetwork.PortMac : OutMac, fromInside ? HostMac : GatewayMac));
        if (_rig.Burst->VerdictOf(0) == Verdict.Drop)
        {
            return null;
        }

        ulong to = BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask, expected = fromInside ? EngineRig.MacOfNextHop(ip[0] >> 4 == 4 ? 1 : 2) : HostMac;
        run.Require(_rig.Burst->VerdictOf(0) == Verdict.Forward && to == expected && _rig.Burst->Egress[0] == (fromInside ? 1 : 0), $"{_rig.Burst->VerdictOf(0)} to {to:x}", ip);
        return _rig.Frame(0)[14..].ToArray();
    }

    /// <summary>A whole packet, with options or extension headers now and then.</summary>
    private static byte[] Ip6Or4(Random random, byte[] from, byte[] to, byte protocol, byte[] l4, out int at)
    {
        string source = new IPAddress(from).ToString(), destination = new IPAddress(to).ToString();
        if (from.Length == 4)
        {
            byte[] ip4 = Mutator.WithOptions(random, Ip.V4(source, destination, protocol, l4, random.Next(256), random.Next(65_536), random.Next(2) == 0, random.Next(2, 256)));
            at = (ip4[0] & 15) * 4;
            return ip4;
        }

        byte[] header = random.Next(4) == 0 ? [protocol, 1, 1, 12, .. new byte[12]] : [];
        at = 40 + header.Length;
        return Ip.V6(source, destination, header.Length == 0 ? protocol : (byte)60, [.. header, .. l4], random.Next(256), random.Next(2, 256));
    }

    /// <summary>A transport with a right checksum, a wrong one now and then, and (UDP) none.</summary>
    private static byte[] Transport(Random random, SnatRules flow, bool outwards, int payloadBytes)
    {
        (byte[] source, byte[] destination) = outwards ? (flow.Inside, flow.Outside) : (flow.Outside, flow.Source);
        (int from, int to) = outwards ? (flow.InsidePort, flow.OutsidePort) : (flow.OutsidePort, flow.LocalPort);
        byte[] l4 = new byte[(flow.Protocol switch { 6 => 20, 132 => 16, _ => 8 }) + payloadBytes];
        random.NextBytes(l4);
        BinaryPrimitives.WriteUInt16BigEndian(l4, (ushort)from);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(2), (ushort)to);
        switch (flow.Protocol)
        {
            case 6:
                (l4[12], l4[13]) = (0x50, 0x18);
                break;
            case 17:
                BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(4), (ushort)l4.Length);
                break;
            case 132:
                (l4[12], l4[13], l4[14], l4[15]) = (0, 3, 0, 16);
                BinaryPrimitives.WriteUInt32LittleEndian(l4.AsSpan(8), random.Next(8) == 0 ? (uint)random.Next() : SctpReading.Crc(l4));
                return l4;
            default:
                (l4[0], l4[1]) = ((flow.Protocol, outwards) switch { (1, true) => 8, (1, false) => 0, (_, true) => 128, _ => 129 }, 0);
                BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(4), (ushort)(outwards ? from : to));
                break;
        }

        int field = flow.Protocol switch { 6 => 16, 17 => 6, _ => 2 };
        l4[field] = l4[field + 1] = 0;
        byte[] pseudo = flow.Protocol == 1 ? [] : [.. source, .. destination, 0, flow.Protocol, (byte)(l4.Length >> 8), (byte)l4.Length];
        int sum = 0xFFFF ^ Ip.Sum([.. pseudo, .. l4]), value = random.Next(8) switch { 0 => random.Next(1, 65_536), 1 when flow.Protocol == 17 => 0, _ => sum == 0 && flow.Protocol == 17 ? 0xFFFF : sum };
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(field), (ushort)value);
        return l4;
    }

    private static byte[] Bytes(string[] addresses, Random random) => IPAddress.Parse(addresses[random.Next(addresses.Length)]).GetAddressBytes();
}
