using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class FragmentTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd16::100", Rip = "172.16.58.7", Rip6 = "fd16::7", Client = "172.16.0.9", Client6 = "fd16::9", Source = "172.16.58.200", Source6 = "fd16::200";
    private const ulong OwnMac = 0x010000000002, ClientMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private const int VipPort = 53, RipPort = 5353, ClientPort = 40000, LocalPort = Limits.SourcePortMin;
    private readonly EngineRig _rig = new(1024, OwnMac);

    public void Dispose() => _rig.Dispose();

    private void Service(bool v6, ForwardingMethod method, Encapsulation encapsulation = Encapsulation.Ipip)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "172.16.58.2");
        content.Service(v6 ? Vip6 : Vip, VipPort, Wire.Udp, Scheduler.Maglev, 251, (lan, v6 ? Rip6 : Rip, 1));
        switch (method)
        {
            case ForwardingMethod.Nat: content.Nat(1, RipPort); break;
            case ForwardingMethod.FullNat: content.FullNat(1, RipPort, v6 ? Source6 : Source); break;
            case ForwardingMethod.Tunnel: content.Tunnel(1, v6 ? "fd16::2" : "172.16.58.2", encapsulation, encapsulation == Encapsulation.Gue ? 6080 : 0); break;
        }

        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
    }

    private static byte[] Datagram(bool toServer, bool v6, string from, int fromPort, string to, int toPort, int ttl)
    {
        byte[] payload = [.. Enumerable.Range(toServer ? 0 : 100, 3_001).Select(n => (byte)(n * 7))];
        byte[] ip = Ip.Packet(Wire.Udp, from, fromPort, to, toPort, payload, ttl);
        if (!v6)
        {
            ip[6] = 0; // without DF
        }

        return v6 ? ip : Ip.Finish4(ip);
    }

    /// <summary>The packet in fragments that end at these offsets and at its end.</summary>
    internal static byte[][] Cut(byte[] ip, params int[] ends)
    {
        int header = ip[0] >> 4 == 4 ? 20 : 40, length = ip.Length - header;
        int[] all = [0, .. ends, length];
        return [.. all[..^1].Select((from, n) => Fragment(ip, from, all[n + 1], all[n + 1] < length))];
    }

    internal static byte[] Fragment(byte[] ip, int from, int to, bool more)
    {
        if (ip[0] >> 4 == 4)
        {
            byte[] part = [.. ip[..20], .. ip[(20 + from)..(20 + to)]];
            BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(2), (ushort)part.Length);
            BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(6), (ushort)((from / 8) | (more ? 0x2000 : 0)));
            return Ip.Finish4(part);
        }

        byte[] part6 = [.. ip[..6], 44, .. ip[7..40], ip[6], 0, (byte)(from >> 8), (byte)(from | (more ? 1 : 0)), 0, 0, 0, 77, .. ip[(40 + from)..(40 + to)]];
        BinaryPrimitives.WriteUInt16BigEndian(part6.AsSpan(4), (ushort)(part6.Length - 40));
        return part6;
    }

    private void Run(params byte[][] fragments) => Run(ClientMac, fragments);

    private void Run(ulong from, params byte[][] fragments) => _rig.Run(0, [.. fragments.Select(f => Frames.Of(f, OwnMac, from))]);

    private void Forwarded(byte[][] expected, ulong to, int outerBytes = 0)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(i));
            Assert.Equal(Convert.ToHexString(expected[i]), Convert.ToHexString(_rig.Frame(i)[(14 + outerBytes)..]));
            Assert.Equal(to, BitConverter.ToUInt64(_rig.Frame(i)) & Wire.MacMask);
        }
    }

    private void Dropped(DropReason reason, int i = 0) => Assert.Equal((Verdict.Drop, reason), (_rig.Burst->VerdictOf(i), (DropReason)_rig.Burst->Reason[i]));

    private byte[][] Request(bool v6, int ttl = 64) => Cut(Datagram(true, v6, v6 ? Client6 : Client, ClientPort, v6 ? Vip6 : Vip, VipPort, ttl), 1_400, 2_800);

    [Theory]
    [InlineData(false, ForwardingMethod.DirectRouting)]
    [InlineData(true, ForwardingMethod.DirectRouting)]
    [InlineData(false, ForwardingMethod.Tunnel)]
    [InlineData(true, ForwardingMethod.Tunnel)]
    public void LaterFragmentsFollowTheFirst(bool v6, ForwardingMethod method)
    {
        Service(v6, method);
        bool tunnel = method == ForwardingMethod.Tunnel;
        Run(Request(v6));
        Forwarded(Request(v6, tunnel ? 63 : 64), EngineRig.MacOfNextHop(1), tunnel ? (v6 ? 40 : 20) : 0);
        Assert.Equal((1ul, 2ul), (_rig.Counters.FragmentedPackets, _rig.Counters.FragmentsFollowed));
        Run(Request(v6)[1]);
        Dropped(DropReason.FragmentUnknown); // it was complete
    }

    /// <summary>Routers that spread GUE's flows by its source port must not send a datagram's parts different ways.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AllFragmentsOfADatagramHaveOneGueSourcePort(bool v6)
    {
        Service(v6, ForwardingMethod.Tunnel, Encapsulation.Gue);
        byte[][] parts = Request(v6);
        Run(parts[0], parts[1]);
        byte[] first = SourcePort(0), second = SourcePort(1);
        Run(parts[2]);
        byte[] third = SourcePort(0);
        Run(Ip.Packet(Wire.Udp, v6 ? Client6 : Client, ClientPort, v6 ? Vip6 : Vip, VipPort, [1], 64)); // the same flow, whole
        Assert.Equal([first, first, first], [second, third, SourcePort(0)]);

        byte[] SourcePort(int i) => [.. _rig.Frame(i).Slice(14 + (v6 ? 40 : 20), 2)];
    }

    [Theory]
    [InlineData(false, ForwardingMethod.Nat)]
    [InlineData(true, ForwardingMethod.Nat)]
    [InlineData(false, ForwardingMethod.FullNat)]
    [InlineData(true, ForwardingMethod.FullNat)]
    public void BothWaysAreTranslated(bool v6, ForwardingMethod method)
    {
        Service(v6, method);
        bool full = method == ForwardingMethod.FullNat;
        string client = v6 ? Client6 : Client, vip = v6 ? Vip6 : Vip, rip = v6 ? Rip6 : Rip, near = full ? (v6 ? Source6 : Source) : client;
        int nearPort = full ? LocalPort : ClientPort;
        Run(Request(v6));
        Forwarded(Cut(Datagram(true, v6, near, nearPort, rip, RipPort, 63), 1_400, 2_800), EngineRig.MacOfNextHop(1));

        byte[][] reply = Cut(Datagram(false, v6, rip, RipPort, near, nearPort, 64), 1_448, 2_896);
        Run(ServerMac, reply[0]);
        Forwarded([Cut(Datagram(false, v6, vip, VipPort, client, ClientPort, 63), 1_448, 2_896)[0]], ClientMac);
        Run(ServerMac, reply[1]);
        Forwarded([Cut(Datagram(false, v6, vip, VipPort, client, ClientPort, 63), 1_448, 2_896)[1]], ClientMac);
        Assert.Equal((2ul, 3ul, 2ul), (_rig.Counters.FragmentedPackets, _rig.Counters.FragmentsFollowed, _rig.Counters.ReplyPackets));
    }

    [Fact]
    public void AfterTheTimeOutNothingFollows()
    {
        Service(false, ForwardingMethod.DirectRouting);
        byte[][] parts = Request(false);
        Run(parts[0]);
        _rig.State->NowMs += Limits.FragmentTimeoutMs - 1;
        Run(parts[1]);
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        _rig.State->NowMs++;
        Run(parts[2]);
        Dropped(DropReason.FragmentUnknown);
        Run(parts[0]);
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0)); // its own old entry is no obstacle
    }

    [Fact]
    public void OverlapsEndTheDatagramAndCopiesAreLostAlone()
    {
        Service(false, ForwardingMethod.DirectRouting);
        byte[] whole = Datagram(true, false, Client, ClientPort, Vip, VipPort, 64);
        byte[][] parts = Request(false);
        Run(parts[0], parts[0], parts[1], parts[1], Fragment(whole, 1_400, 1_408, true), parts[2]);
        Dropped(DropReason.FragmentOverlap, 1);
        Dropped(DropReason.FragmentOverlap, 3);
        Dropped(DropReason.FragmentOverlap, 4);
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(5));

        Run(parts[0], Fragment(whole, 1_392, 2_800, true), parts[1], parts[2]);
        Assert.All([1, 2, 3], i => Dropped(DropReason.FragmentOverlap, i));
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
    }

    [Fact]
    public void AFullSetGivesItsOldestAway()
    {
        Service(false, ForwardingMethod.DirectRouting);
        byte[][] parts = Request(false);
        byte[] of(byte[] part, int id)
        {
            byte[] changed = [.. part];
            BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(4), (ushort)id);
            return Ip.Finish4(changed);
        }

        const int Datagrams = 2 * Limits.FragmentsPerWorker;
        for (int id = 0; id < Datagrams; id++)
        {
            _rig.State->NowMs += (uint)(id % 16 == 0 ? 1 : 0);
            Run(of(parts[0], id));
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        }

        Assert.InRange(_rig.Counters.FragmentsEvicted, (ulong)(Datagrams - Limits.FragmentsPerWorker), (ulong)Datagrams - 2_000);
        Run(of(parts[1], 0), of(parts[1], Datagrams - 1));
        Dropped(DropReason.FragmentUnknown);
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(1));
    }

    /// <summary>A first fragment whose flow's home is elsewhere has its later ones follow there, as they came.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LaterFragmentsGoToTheHomeWorker(bool v6)
    {
        const int Workers = 4;
        int[] forwardedBy = new int[Workers];
        for (int worker = 0; worker < Workers; worker++)
        {
            using EngineRig rig = new(1024, OwnMac);
            rig.BeWorker(worker, Workers);
            ContentBuilder content = new();
            ushort lan = content.Interface(0, 0, "172.16.58.2");
            content.Service(v6 ? Vip6 : Vip, VipPort, Wire.Udp, Scheduler.Maglev, 251, (lan, v6 ? Rip6 : Rip, 1));
            content.Nat(1, RipPort);
            rig.Publish(content.Content);
            rig.ResolveAll(content.Content);
            byte[][] frames = [.. Request(v6).Select(f => Frames.Of(f, OwnMac, ClientMac))];
            rig.Run(0, frames);
            Verdict first = rig.Burst->VerdictOf(0);
            forwardedBy[worker] = first == Verdict.Forward ? 1 : 0;
            for (int i = 0; i < frames.Length; i++)
            {
                Assert.Equal(first, rig.Burst->VerdictOf(i));
                if (first == Verdict.HandOver)
                {
                    Assert.Equal(rig.Burst->NextHop[0], rig.Burst->NextHop[i]);
                    Assert.Equal(Convert.ToHexString(frames[i]), Convert.ToHexString(rig.Frame(i)));
                }
            }
        }

        Assert.Equal(1, forwardedBy.Sum());
    }

    [Fact]
    public void AnEntryIsTwoCacheLines() => Assert.Equal(2 * 64, sizeof(FragmentEntry));

    [Fact]
    public void RunsOfFragmentsJoin()
    {
        Random random = new(1);
        for (int round = 0; round < 500; round++)
        {
            FragmentEntry entry = default;
            int parts = random.Next(2, 18);
            int[] order = [0, .. Enumerable.Range(1, parts - 1).OrderBy(_ => random.Next())];
            HashSet<int> seen = [];
            foreach (int part in order)
            {
                seen.Add(part);
                bool scattered = seen.Count(p => !seen.Contains(p - 1)) > Limits.FragmentRunsMax;
                Assert.Equal(scattered ? DropReason.FragmentScattered : DropReason.None, entry.Add((uint)part * 16, part == parts - 1 ? 9u : 16, part != parts - 1));
                if (scattered)
                {
                    seen.Remove(part);
                }

                Assert.Equal(seen.Count == parts, entry.IsComplete);
            }
        }
    }
}
