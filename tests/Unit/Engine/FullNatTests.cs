using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class FullNatTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd16::100", Rip = "10.1.0.7", Rip6 = "fd17::7", Client = "192.0.2.9", Client6 = "2001:db8::9";
    private const ulong OwnMac = 0x010000000002, RouterMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private const int VipPort = 80, RipPort = 8080, ClientPort = 40000, PortsPerAddress = 65_536 - Limits.SourcePortMin;
    private static readonly string[] s_sources = ["10.1.0.200", "10.1.0.201"], s_sources6 = ["fd17::200", "fd17::201"];
    private readonly EngineRig _rig = new(1024, OwnMac, OwnMac + (1UL << 40));

    public void Dispose() => _rig.Dispose();

    private SnapshotContent Service(bool v6, byte protocol, int sources = 1)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "10.1.0.1");
        content.Interface(1, 0, "192.0.2.1", 1_400);
        content.Service(v6 ? Vip6 : Vip, VipPort, protocol, Scheduler.Maglev, 251, (lan, v6 ? Rip6 : Rip, 1));
        content.FullNat(1, RipPort, [.. (v6 ? s_sources6 : s_sources).Take(sources)]);
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
        return content.Content;
    }

    private static byte[] Request(bool v6, byte protocol, byte[]? payload = null, int port = ClientPort, byte tcpFlags = Wire.Ack, int ttl = 64) =>
        Ip.Packet(protocol, v6 ? Client6 : Client, port, v6 ? Vip6 : Vip, VipPort, payload, ttl, tcpFlags);

    private void FromClient(byte[] ip) => _rig.Run(1, Frames.Of(ip, OwnMac + (1UL << 40), RouterMac));

    private void FromServer(byte[] ip) => _rig.Run(0, Frames.Of(ip, OwnMac, ServerMac));

    private byte[] Packet() => _rig.Frame(0)[14..].ToArray();

    /// <summary>Source port of the packet that the server gets.</summary>
    private int LocalPort(bool v6) => BinaryPrimitives.ReadUInt16BigEndian(Packet().AsSpan(v6 ? 40 : 20));

    private ulong PortsInUse => _rig.Region.SourceCounters(0)[1].PortsInUse + _rig.Region.SourceCounters(0)[2].PortsInUse;

    /// <summary>Each value of the payload brings another checksum: 0 and 0xFFFF come by.</summary>
    [Theory]
    [InlineData(false, Wire.Tcp)]
    [InlineData(false, Wire.Udp)]
    [InlineData(true, Wire.Tcp)]
    [InlineData(true, Wire.Udp)]
    public void BothWaysAreTranslatedWithRightChecksums(bool v6, byte protocol)
    {
        Service(v6, protocol);
        string rip = v6 ? Rip6 : Rip, source = (v6 ? s_sources6 : s_sources)[0], vip = v6 ? Vip6 : Vip, client = v6 ? Client6 : Client;
        for (int value = 0; value < 0x10000; value++)
        {
            byte[] payload = [(byte)(value >> 8), (byte)value];
            int ttl = 2 + (value % 250);
            FromClient(Request(v6, protocol, payload, ttl: ttl));
            int local = LocalPort(v6);
            Assert.True(Packet().AsSpan().SequenceEqual(Ip.Packet(protocol, source, local, rip, RipPort, payload, ttl - 1)), $"payload {value:x4}");
            Assert.Equal((0, EngineRig.MacOfNextHop(1)), (_rig.Burst->Egress[0], BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask));
            FromServer(Ip.Packet(protocol, rip, RipPort, source, local, payload, ttl));
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
            Assert.True(Packet().AsSpan().SequenceEqual(Ip.Packet(protocol, vip, VipPort, client, ClientPort, payload, ttl - 1)), $"answer {value:x4}");
            Assert.Equal((1, RouterMac), (_rig.Burst->Egress[0], BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask));
        }

        Assert.Equal(1UL, PortsInUse);
        Assert.Equal(1UL, _rig.Counters.FlowsCreated);
        Assert.Equal(0x10000UL, _rig.Counters.ReplyPackets);
    }

    [Fact]
    public void EachFlowHasAPortOfItsOwnAndAnswersFindTheirClients()
    {
        Service(v6: false, Wire.Udp, sources: 2);
        Dictionary<(string, int), int> clients = [];
        for (int port = 1; port <= 500; port++)
        {
            FromClient(Request(false, Wire.Udp, port: port));
            string source = new System.Net.IPAddress(Packet().AsSpan(12, 4)).ToString();
            clients.Add((source, LocalPort(false)), port);
        }

        Assert.InRange(clients.Keys.Count(k => k.Item1 == s_sources[0]), 150, 350);
        foreach (((string source, int local), int port) in clients)
        {
            FromServer(Ip.Packet(Wire.Udp, Rip, RipPort, source, local));
            Assert.Equal(Ip.Packet(Wire.Udp, Vip, VipPort, Client, port, ttl: 63), Packet());
        }
    }

    [Fact]
    public void OnlyTheFlowsServerIsHeard()
    {
        Service(v6: false, Wire.Tcp);
        FromClient(Request(false, Wire.Tcp));
        int local = LocalPort(false);
        foreach (byte[] other in (byte[][])[
            Ip.Packet(Wire.Tcp, "10.1.0.8", RipPort, s_sources[0], local), Ip.Packet(Wire.Tcp, Rip, RipPort + 1, s_sources[0], local),
            Ip.Packet(Wire.Udp, Rip, RipPort, s_sources[0], local), Ip.Packet(Wire.Tcp, Rip, RipPort, s_sources[0], local + 1),
            Ip.Packet(Wire.Tcp, Rip, RipPort, s_sources[0], 1), Ip.Packet(Wire.Tcp, Rip, RipPort, s_sources[0], 65535)])
        {
            FromServer(other);
            Assert.Equal((Verdict.Drop, DropReason.NoSession), (_rig.Burst->VerdictOf(0), (DropReason)_rig.Burst->Reason[0]));
        }
    }

    [Fact]
    public void PortsComeBackWhenFlowsEnd()
    {
        Service(v6: false, Wire.Udp);
        HashSet<int> seen = [];
        for (int round = 0; round < 3; round++)
        {
            for (int port = 1; port <= 300; port++)
            {
                FromClient(Request(false, Wire.Udp, port: port));
                Assert.True(seen.Add(LocalPort(false)), "a port is used again before the others were");
            }

            Assert.Equal(300UL, PortsInUse);
            for (int s = 0; s < 310; s++)
            {
                _rig.State->NowMs += 1_000;
                FlowSweep.Run(_rig.State);
            }

            Assert.Equal(0UL, PortsInUse);
        }
    }

    /// <summary>A client that uses its port again gets another local port: the server may still know the old one.</summary>
    [Fact]
    public void ANewFlowOfTheSameClientPortHasANewLocalPort()
    {
        Service(v6: false, Wire.Tcp);
        FromClient(Request(false, Wire.Tcp, tcpFlags: Wire.Syn));
        int first = LocalPort(false);
        FromClient(Request(false, Wire.Tcp, tcpFlags: Wire.Rst));
        Assert.Equal(first, LocalPort(false));
        FromClient(Request(false, Wire.Tcp, tcpFlags: Wire.Syn));
        Assert.NotEqual(first, LocalPort(false));
        Assert.Equal(1UL, PortsInUse);
        FromServer(Ip.Packet(Wire.Tcp, Rip, RipPort, s_sources[0], first));
        Assert.Equal(DropReason.NoSession, (DropReason)_rig.Burst->Reason[0]);
    }

    [Fact]
    public void WithoutAFreePortAFlowIsDroppedAndCounted()
    {
        using EngineRig rig = new(131_072, OwnMac, OwnMac + (1UL << 40));
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "10.1.0.1");
        content.Service(Vip, VipPort, Wire.Udp, Scheduler.Maglev, 251, (lan, Rip, 1));
        content.FullNat(1, RipPort, s_sources[0]);
        rig.Publish(content.Content);
        rig.ResolveAll(content.Content);
        int forwarded = 0, dropped = 0;
        for (int n = 0; n < PortsPerAddress + 100; n++)
        {
            rig.Run(0, Frames.Of(Ip.Packet(Wire.Udp, $"192.0.{2 + (n >> 15)}.{1 + (n & 1)}", 1 + (n & 0x7FFF), Vip, VipPort), OwnMac, RouterMac));
            forwarded += rig.Burst->VerdictOf(0) == Verdict.Forward ? 1 : 0;
            dropped += rig.Burst->VerdictOf(0) == Verdict.Drop && (DropReason)rig.Burst->Reason[0] == DropReason.NoLocalPort ? 1 : 0;
        }

        Assert.Equal((PortsPerAddress, 100), (forwarded, dropped));
        Assert.Equal((ulong)dropped, rig.Region.SourceCounters(0)[1].Exhausted);
    }

    [Fact]
    public void AnAddressThatIsTakenAwayEndsItsFlowsPorts()
    {
        SnapshotContent content = Service(v6: false, Wire.Tcp);
        FromClient(Request(false, Wire.Tcp));
        int first = LocalPort(false);
        content.Sources[1] = content.Sources[1] with { Incarnation = 2 };   // the slot is another's now
        _rig.Publish(content);
        FromServer(Ip.Packet(Wire.Tcp, Rip, RipPort, s_sources[0], first));
        Assert.Equal(DropReason.NoSession, (DropReason)_rig.Burst->Reason[0]);
        FromClient(Request(false, Wire.Tcp));
        Assert.NotEqual(first, LocalPort(false));
        Assert.Equal(1UL, PortsInUse);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ErrorsAreTranslatedBothWays(bool v6)
    {
        Service(v6, Wire.Udp);
        string rip = v6 ? Rip6 : Rip, source = (v6 ? s_sources6 : s_sources)[0], vip = v6 ? Vip6 : Vip, client = v6 ? Client6 : Client;
        FromClient(Request(v6, Wire.Udp));
        int local = LocalPort(v6);
        byte[] toServer = Packet();

        // The server's host says that nobody listens.
        FromServer(Ip.PortUnreachable(v6, rip, source, toServer));
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        Assert.Equal(Ip.PortUnreachable(v6, vip, client, Ip.Quoted(v6, client, ClientPort, vip, VipPort, toServer), ttl: 63), Packet());

        // A router on the client's side cannot pass an answer on.
        byte[] answer = Ip.Packet(Wire.Udp, vip, VipPort, client, ClientPort, ttl: 63);
        string router = v6 ? "2001:db8:1::1" : "198.51.100.1";
        FromClient(Ip.PortUnreachable(v6, router, vip, answer));
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        Assert.Equal(0, _rig.Burst->Egress[0]);
        Assert.Equal(Ip.PortUnreachable(v6, router, rip, Ip.Quoted(v6, rip, RipPort, source, local, answer), ttl: 63), Packet());
    }

    /// <summary>Flows live at a home worker, and their local ports name it.</summary>
    [Fact]
    public void RequestsAndAnswersGoToTheWorkerThatHasThePort()
    {
        const int workers = 2;
        using EngineRig second = new(1024, OwnMac, OwnMac + (1UL << 40));
        EngineRig[] rigs = [_rig, second];
        for (int worker = 0; worker < workers; worker++)
        {
            rigs[worker].BeWorker(worker, workers);
        }

        SnapshotContent content = Service(v6: false, Wire.Udp);
        second.Publish(content);
        second.ResolveAll(content);
        int[] flows = new int[workers];
        for (int port = 1; port <= 100; port++)
        {
            byte[] request = Frames.Of(Request(false, Wire.Udp, port: port), OwnMac, RouterMac);
            Array.ForEach(rigs, r => r.Run(0, request));
            int home = Array.FindIndex(rigs, r => r.Burst->VerdictOf(0) == Verdict.Forward), other = 1 - home;
            Assert.Equal((Verdict.HandOver, (uint)home), (rigs[other].Burst->VerdictOf(0), rigs[other].Burst->NextHop[0]));
            int local = BinaryPrimitives.ReadUInt16BigEndian(rigs[home].Frame(0)[34..]);
            Assert.Equal(home, local % workers);
            byte[] answer = Frames.Of(Ip.Packet(Wire.Udp, Rip, RipPort, s_sources[0], local), OwnMac, ServerMac);
            Array.ForEach(rigs, r => r.Run(0, answer));
            Assert.Equal(Verdict.Forward, rigs[home].Burst->VerdictOf(0));
            Assert.Equal((Verdict.HandOver, (uint)home), (rigs[other].Burst->VerdictOf(0), rigs[other].Burst->NextHop[0]));
            flows[home]++;
        }

        Assert.All(flows, f => Assert.InRange(f, 30, 70));
    }

    /// <summary>
    /// A flow's server has no weight any more, the client uses its port again, and more comes in the same burst: the flow ends by the SYN, and what
    /// had found it before does not write into its place.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatEndsInABurstKeepsNothing(bool v6)
    {
        SnapshotContent content = Service(v6, Wire.Tcp);
        content.Services[1] = content.Services[1] with { Scheduler = Scheduler.Wlc };
        _rig.Publish(content);
        byte[] Segment(byte flags) => Request(v6, Wire.Tcp, tcpFlags: flags);
        FromClient(Segment(Wire.Syn));
        FromClient(Segment(Wire.Ack));
        FromClient(Segment(Wire.Rst));
        content.Servers[1] = content.Servers[1] with { Weight = 0 };
        _rig.Publish(content);
        _rig.Run(1, [.. new[] { Segment(Wire.Syn), Segment(Wire.Ack) }.Select(p => Frames.Of(p, OwnMac + (1UL << 40), RouterMac))]);
        Assert.NotEqual(Verdict.Forward, _rig.Burst->VerdictOf(0));
        Assert.Equal((Verdict.Drop, DropReason.FlowTableFull), (_rig.Burst->VerdictOf(1), (DropReason)_rig.Burst->Reason[1]));
        Assert.Equal(0u, _rig.State->Flows4.Count + _rig.State->Flows6.Count);
        Assert.Equal(0UL, _rig.Region.SourceCounters(0)[1].PortsInUse);
        for (int number = 0; number < LastHops.Capacity; number++)
        {
            Assert.Equal(0u, _rig.State->LastHopUses[number]);
        }
    }
}
