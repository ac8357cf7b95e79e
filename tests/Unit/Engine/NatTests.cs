using System.Buffers.Binary;
using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class NatTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd16::100", Rip = "172.16.58.7", Rip6 = "fd16::7", Client = "192.0.2.9", Client6 = "2001:db8::9", Dip = "172.16.58.2";
    private const ulong OwnMac = 0x010000000002, RouterMac = 0x0C0000000002, ServerMac = 0x070000000002;
    private const int VipPort = 80, RipPort = 8080, ClientPort = 40000;
    private readonly EngineRig _rig = new(1024, OwnMac, OwnMac + (1UL << 40));

    public void Dispose() => _rig.Dispose();

    private void Service(bool v6, byte protocol, ushort serverVlan = 0)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, serverVlan, Dip);
        content.Interface(1, 0, "192.0.2.1", 1_400);
        content.Service(v6 ? Vip6 : Vip, VipPort, protocol, Scheduler.Maglev, 251, (lan, v6 ? Rip6 : Rip, 1));
        content.Nat(1, RipPort);
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
    }

    private static byte[] Request(bool v6, byte protocol, byte[]? payload = null, int ttl = 64, byte tcpFlags = Wire.Ack) =>
        Ip.Packet(protocol, v6 ? Client6 : Client, ClientPort, v6 ? Vip6 : Vip, VipPort, payload, ttl, tcpFlags);

    private static byte[] Translated(bool v6, byte protocol, byte[]? payload = null, int ttl = 63) =>
        Ip.Packet(protocol, v6 ? Client6 : Client, ClientPort, v6 ? Rip6 : Rip, RipPort, payload, ttl);

    private static byte[] Answer(bool v6, byte protocol, byte[]? payload = null, int ttl = 64, byte tcpFlags = Wire.Ack) =>
        Ip.Packet(protocol, v6 ? Rip6 : Rip, RipPort, v6 ? Client6 : Client, ClientPort, payload, ttl, tcpFlags);

    private static byte[] TranslatedAnswer(bool v6, byte protocol, byte[]? payload = null, int ttl = 63, byte tcpFlags = Wire.Ack) =>
        Ip.Packet(protocol, v6 ? Vip6 : Vip, VipPort, v6 ? Client6 : Client, ClientPort, payload, ttl, tcpFlags);

    private void FromClient(byte[] ip, int port = 1, int vlan = 0) => _rig.Run(port, Frames.Of(ip, port == 0 ? OwnMac : OwnMac + (1UL << 40), RouterMac, vlan));

    private void FromServer(byte[] ip, int vlan = 0) => _rig.Run(0, Frames.Of(ip, OwnMac, ServerMac, vlan));

    private void Forwarded(int egress, ulong to, byte[] expected, int l2 = 14)
    {
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        Assert.Equal(egress, _rig.Burst->Egress[0]);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(_rig.Frame(0)[l2..]));
        Assert.Equal(to, BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask);
        Assert.Equal(OwnMac + ((ulong)egress << 40), BitConverter.ToUInt64(_rig.Frame(0)[6..]) & Wire.MacMask);
    }

    [Theory]
    [InlineData(false, Wire.Tcp)]
    [InlineData(false, Wire.Udp)]
    [InlineData(true, Wire.Tcp)]
    [InlineData(true, Wire.Udp)]
    public void BothWaysAreTranslated(bool v6, byte protocol)
    {
        Service(v6, protocol);
        for (int ttl = 2; ttl <= 255; ttl++)
        {
            FromClient(Request(v6, protocol, ttl: ttl));
            Forwarded(0, EngineRig.MacOfNextHop(1), Translated(v6, protocol, ttl: ttl - 1));
            FromServer(Answer(v6, protocol, ttl: ttl));
            Forwarded(1, RouterMac, TranslatedAnswer(v6, protocol, ttl: ttl - 1));
        }

        Assert.Equal(254UL, _rig.Counters.ReplyPackets);
        Assert.Equal(508UL, _rig.Counters.ForwardedPackets);
        Assert.Equal(1UL, _rig.Counters.FlowsCreated);
    }

    /// <summary>Every value of the checksum comes by, 0 and 0xFFFF as well.</summary>
    [Theory]
    [InlineData(false, Wire.Tcp)]
    [InlineData(false, Wire.Udp)]
    [InlineData(true, Wire.Udp)]
    public void ChecksumsAreThoseOfTheWholePacket(bool v6, byte protocol)
    {
        Service(v6, protocol);
        bool[] seen = new bool[0x10000];
        for (int value = 0; value < 0x10000; value++)
        {
            byte[] payload = [(byte)(value >> 8), (byte)value], expected = Translated(v6, protocol, payload);
            FromClient(Request(v6, protocol, payload));
            Assert.True(_rig.Frame(0)[14..].SequenceEqual(expected), $"payload {value:x4}");
            FromServer(Answer(v6, protocol, payload));
            Assert.True(_rig.Frame(0)[14..].SequenceEqual(TranslatedAnswer(v6, protocol, payload)), $"answer {value:x4}");
            seen[BinaryPrimitives.ReadUInt16BigEndian(expected.AsSpan((v6 ? 40 : 20) + (protocol == Wire.Tcp ? 16 : 6)))] = true;
        }

        Assert.Equal(0xFFFF, seen.Count(s => s));   // TCP has no 0xFFFF, UDP no 0
    }

    [Fact]
    public void AUdpDatagramWithoutChecksumStaysWithout()
    {
        Service(v6: false, Wire.Udp);
        byte[] sent = Request(false, Wire.Udp), expected = Translated(false, Wire.Udp);
        sent.AsSpan(26, 2).Clear();
        expected.AsSpan(26, 2).Clear();
        FromClient(sent);
        Forwarded(0, EngineRig.MacOfNextHop(1), expected);
    }

    [Fact]
    public void AWrongChecksumStaysWrong()
    {
        Service(v6: false, Wire.Tcp);
        byte[] sent = Request(false, Wire.Tcp);
        sent[^1] ^= 1;
        FromClient(sent);
        byte[] translated = _rig.Frame(0)[14..].ToArray();
        Assert.NotEqual(Ip.Finish([.. translated]), translated);
    }

    [Fact]
    public void IpOptionsStay()
    {
        Service(v6: false, Wire.Tcp);
        byte[] with(byte[] ip) => [(byte)(ip[0] + 1), ip[1], 0, (byte)(ip[3] + 4), .. ip[4..20], 1, 1, 1, 0, .. ip[20..]];
        FromClient(Ip.Finish4(with(Request(false, Wire.Tcp))));
        Forwarded(0, EngineRig.MacOfNextHop(1), Ip.Finish4(with(Translated(false, Wire.Tcp))));
    }

    [Fact]
    public void ExtensionHeadersStay()
    {
        Service(v6: true, Wire.Udp);
        byte[] with(byte[] ip) => [.. ip[..5], (byte)(ip[5] + 8), 60, .. ip[7..40], 17, 0, 1, 4, 0, 0, 0, 0, .. ip[40..]];
        FromClient(with(Request(true, Wire.Udp)));
        Forwarded(0, EngineRig.MacOfNextHop(1), with(Translated(true, Wire.Udp)));
        FromServer(with(Answer(true, Wire.Udp)));
        Forwarded(1, RouterMac, with(TranslatedAnswer(true, Wire.Udp)));
    }

    /// <summary>An answer goes where the client's packets come from, also when that changes.</summary>
    [Fact]
    public void AnswersFollowTheClientsLastHop()
    {
        Service(v6: false, Wire.Tcp, serverVlan: 20);
        FromClient(Request(false, Wire.Tcp), port: 0, vlan: 10);
        Forwarded(0, EngineRig.MacOfNextHop(1), Translated(false, Wire.Tcp), l2: 18);
        FromServer(Answer(false, Wire.Tcp), vlan: 20);
        Forwarded(0, RouterMac, TranslatedAnswer(false, Wire.Tcp), l2: 18);
        Assert.Equal(10, _rig.Burst->Vlan[0]);
        Assert.Equal(10, _rig.Frame(0)[15]);
        FromClient(Request(false, Wire.Tcp), port: 1);
        FromServer(Answer(false, Wire.Tcp), vlan: 20);
        Forwarded(1, RouterMac, TranslatedAnswer(false, Wire.Tcp));
        Assert.Equal(1u, new ReadOnlySpan<uint>(_rig.State->LastHopUses, LastHops.Capacity).ToArray().Aggregate((a, b) => a + b));
    }

    [Fact]
    public void LastHopsOfFlowsThatEndAreFree()
    {
        Service(v6: false, Wire.Udp);
        for (int n = 1; n <= 500; n++)
        {
            byte[] ip = Ip.Packet(Wire.Udp, Client, n, Vip, VipPort);
            _rig.Run(1, Frames.Of(ip, OwnMac + (1UL << 40), RouterMac + ((ulong)n << 16)));
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        }

        uint[] uses() => new ReadOnlySpan<uint>(_rig.State->LastHopUses, LastHops.Capacity).ToArray();
        Assert.Equal(500, uses().Count(u => u == 1));
        for (int n = 0; n < 700; n++)
        {
            _rig.State->NowMs += 1_000;
            FlowSweep.Run(_rig.State);
        }

        Assert.Equal(0u, _rig.State->Flows4.Count);
        Assert.All(uses(), u => Assert.Equal(0u, u));
    }

    [Fact]
    public void OneLastHopTooManyIsDropped()
    {
        Service(v6: false, Wire.Udp);
        for (int number = 1; number < LastHops.Capacity; number++)
        {
            _rig.State->LastHopUses[number] = 1;
        }

        FromClient(Request(false, Wire.Udp));
        Assert.Equal(Verdict.Drop, _rig.Burst->VerdictOf(0));
        Assert.Equal(DropReason.LastHopsFull, (DropReason)_rig.Burst->Reason[0]);
    }

    [Fact]
    public void WithoutRoomForTheFlowTheClientIsNotServed()
    {
        Service(v6: false, Wire.Udp);
        int refused = 0;
        for (int n = 1; n <= 20_000 && refused == 0; n++)
        {
            _rig.Run(1, Frames.Of(Ip.Packet(Wire.Udp, $"192.0.2.{n % 250}", n, Vip, VipPort), OwnMac + (1UL << 40), RouterMac));
            refused += _rig.Burst->VerdictOf(0) == Verdict.Drop && (DropReason)_rig.Burst->Reason[0] == DropReason.FlowTableFull ? 1 : 0;
        }

        Assert.Equal(1, refused);
    }

    [Fact]
    public void WhatAServerSendsWithoutAFlowIsTheHosts()
    {
        Service(v6: false, Wire.Tcp);
        FromServer(Answer(false, Wire.Tcp));
        Assert.Equal(Verdict.Punt, _rig.Burst->VerdictOf(0));
        FromClient(Request(false, Wire.Tcp));
        FromServer(Ip.Packet(Wire.Tcp, Rip, 22, Client, ClientPort));
        Assert.Equal(Verdict.Punt, _rig.Burst->VerdictOf(0));
        FromServer(Ip.Packet(Wire.Tcp, Rip, RipPort, Client, ClientPort + 1));
        Assert.Equal(Verdict.Punt, _rig.Burst->VerdictOf(0));
        FromServer(Ip.Packet(Wire.Tcp, Rip, RipPort, Vip, 99));
        Assert.Equal(DropReason.NoService, (DropReason)_rig.Burst->Reason[0]);
        _rig.State->NowMs += 1_000_000;
        FromServer(Answer(false, Wire.Tcp));
        Assert.Equal(Verdict.Punt, _rig.Burst->VerdictOf(0));
    }

    /// <summary>One real server behind two VIPs: each answer gets the VIP that its client asked.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AServerMayHaveSeveralServices(bool v6)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, Dip);
        content.Interface(1, 0, "192.0.2.1");
        string[] vips = v6 ? [Vip6, "fd16::101", "fd16::102"] : [Vip, "172.16.58.3", "172.16.58.4"];
        for (int n = 0; n < vips.Length; n++)
        {
            content.Service(vips[n], VipPort, Wire.Tcp, Scheduler.Maglev, 251, (lan, v6 ? Rip6 : Rip, 1));
            content.Nat(n + 1, RipPort);
        }

        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
        string client = v6 ? Client6 : Client, rip = v6 ? Rip6 : Rip;
        for (int n = 0; n < 60; n++)
        {
            FromClient(Ip.Packet(Wire.Tcp, client, 1000 + n, vips[n % 3], VipPort));
        }

        for (int n = 0; n < 60; n++)
        {
            FromServer(Ip.Packet(Wire.Tcp, rip, RipPort, client, 1000 + n));
            Forwarded(1, RouterMac, Ip.Packet(Wire.Tcp, vips[n % 3], VipPort, client, 1000 + n, ttl: 63));
        }
    }

    [Theory]
    [InlineData(Wire.Fin | Wire.Ack, FlowState.TimeWait)]
    [InlineData(Wire.Rst, FlowState.Close)]
    [InlineData(Wire.Syn | Wire.Ack, FlowState.SynReceived)]
    [InlineData(Wire.Ack, FlowState.SynReceived)]
    public void AnswersMoveTheState(byte flags, FlowState expected)
    {
        Service(v6: false, Wire.Tcp);
        FromClient(Request(false, Wire.Tcp, tcpFlags: Wire.Syn));
        FromServer(Answer(false, Wire.Tcp, tcpFlags: flags));
        Assert.Equal(expected, (FlowState)FlowValue.State(*(ulong*)_rig.Burst->Flow[0]));
    }

    /// <summary>A connection from SYN to the last ACK; each state with its own time-out. Then its port again: a new flow.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void BothSidesMoveTheState(bool v6)
    {
        Service(v6, Wire.Tcp);
        (bool Server, byte Flags, FlowState State, uint TimeoutMs)[] life =
        [
            (false, Wire.Syn, FlowState.SynReceived, 60_000), (true, Wire.Syn | Wire.Ack, FlowState.SynReceived, 60_000), (false, Wire.Ack, FlowState.Established, 900_000),
            (false, Wire.Fin | Wire.Ack, FlowState.CloseWait, 60_000), (true, Wire.Ack, FlowState.CloseWait, 60_000), (true, Wire.Fin | Wire.Ack, FlowState.TimeWait, 120_000), (false, Wire.Ack, FlowState.TimeWait, 120_000),
        ];
        foreach ((bool server, byte flags, FlowState expected, uint timeoutMs) in life)
        {
            _rig.State->NowMs += 30_000;
            if (server)
            {
                FromServer(Answer(v6, Wire.Tcp, tcpFlags: flags));
            }
            else
            {
                FromClient(Request(v6, Wire.Tcp, tcpFlags: flags));
            }

            ulong value = *(ulong*)_rig.Burst->Flow[0];
            Assert.Equal(expected, (FlowState)FlowValue.State(value));
            Assert.InRange(FlowValue.RemainingMs(value, _rig.State->NowMs), timeoutMs, timeoutMs + EngineState.DeadlineGrainMs);
        }

        Assert.Equal((0u, 1u, 1UL), (_rig.State->Servers[1].ActiveConnections, _rig.State->Servers[1].InactiveConnections, _rig.Counters.FlowsCreated));
        FromClient(Request(v6, Wire.Tcp, tcpFlags: Wire.Syn));
        Assert.Equal((1u, 0u, 2UL), (_rig.State->Servers[1].ActiveConnections, _rig.State->Servers[1].InactiveConnections, _rig.Counters.FlowsCreated));
        Assert.Equal(1UL, _rig.Counters.FlowsReused);
    }

    [Fact]
    public void AnswersKeepAFlowAlive()
    {
        Service(v6: false, Wire.Udp);
        FromClient(Request(false, Wire.Udp));
        for (int n = 0; n < 20; n++)
        {
            _rig.State->NowMs += 200_000;   // of 300 s
            FromServer(Answer(false, Wire.Udp));
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnswersThatDoNotFitTheClientsLinkAreRefused(bool v6)
    {
        Service(v6, Wire.Tcp);
        int headers = (v6 ? 40 : 20) + 20;
        FromClient(Request(v6, Wire.Tcp));
        FromServer(Answer(v6, Wire.Tcp, new byte[1_400 - headers]));
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        byte[] large = Answer(v6, Wire.Tcp, new byte[1_401 - headers]);
        FromServer(large);
        Assert.Equal(Verdict.Refuse, _rig.Burst->VerdictOf(0));
        Assert.Equal(1_400u, _rig.Burst->NextHop[0]);
        Assert.Equal(large, _rig.Frame(0)[14..].ToArray());
        FromServer(Answer(v6, Wire.Tcp, ttl: 1));
        Assert.Equal(DropReason.TtlExpired, (DropReason)_rig.Burst->Reason[0]);
    }

    private static byte[] Error(bool v6, string from, string to, byte[] quoted, int ttl = 64)
    {
        byte[] icmp = v6 ? [2, 0, 0, 0, 0, 0, 5, 20, .. quoted] : [3, 4, 0, 0, 0, 0, 5, 20, .. quoted];
        return Ip.Finish(v6 ? Ip.V6(from, to, 58, icmp, hopLimit: ttl) : Ip.V4(from, to, 1, icmp, ttl: ttl));
    }

    /// <summary>A router on the client's side says something about an answer: the server gets it, about what it has sent.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnErrorAboutAnAnswerIsForTheServer(bool v6)
    {
        Service(v6, Wire.Udp);
        FromClient(Request(v6, Wire.Udp));
        string router = v6 ? "2001:db8:9::1" : "198.51.100.1";
        FromClient(Error(v6, router, v6 ? Vip6 : Vip, TranslatedAnswer(v6, Wire.Udp, ttl: 60)));
        byte[] quoted = WithChecksumOf(Answer(v6, Wire.Udp, ttl: 60), TranslatedAnswer(v6, Wire.Udp, ttl: 60));
        Forwarded(0, EngineRig.MacOfNextHop(1), Error(v6, router, v6 ? Rip6 : Rip, quoted, ttl: 63));
        Assert.Equal(1UL, _rig.Counters.FlowErrors);
    }

    /// <summary>The server (or a router before it) says something about a client's packet: the client gets it from the VIP.</summary>
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void AnErrorAboutAClientsPacketIsForTheClient(bool v6, bool fromServer)
    {
        Service(v6, Wire.Udp);
        FromClient(Request(v6, Wire.Udp));
        FromServer(Error(v6, fromServer ? v6 ? Rip6 : Rip : "10.9.9.9", v6 ? Client6 : Client, Translated(v6, Wire.Udp)));
        byte[] quoted = WithChecksumOf(Request(v6, Wire.Udp, ttl: 63), Translated(v6, Wire.Udp));
        Forwarded(1, RouterMac, Error(v6, v6 ? Vip6 : Vip, v6 ? Client6 : Client, quoted, ttl: 63));
    }

    /// <summary>The quoted transport checksum is left as it was.</summary>
    private static byte[] WithChecksumOf(byte[] udp, byte[] other)
    {
        int at = (udp[0] >> 4 == 4 ? 20 : 40) + 6;
        other.AsSpan(at, 2).CopyTo(udp.AsSpan(at));
        return udp;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnErrorWithAWrongChecksumIsDropped(bool v6)
    {
        Service(v6, Wire.Udp);
        FromClient(Request(v6, Wire.Udp));
        byte[] error = Error(v6, v6 ? Rip6 : Rip, v6 ? Client6 : Client, Translated(v6, Wire.Udp));
        error[^1] ^= 1;
        FromServer(error);
        Assert.Equal(DropReason.IcmpBad, (DropReason)_rig.Burst->Reason[0]);
    }

    /// <summary>A header that was damaged on its way must not arrive with a right checksum.</summary>
    [Theory]
    [InlineData(Rip, Client)]
    [InlineData("10.9.9.9", Client)]
    [InlineData("198.51.100.1", Vip)]
    public void AWrongHeaderChecksumOfAnErrorStaysWrong(string from, string to)
    {
        Service(v6: false, Wire.Udp);
        FromClient(Request(false, Wire.Udp));
        byte[] error = Error(false, from, to, to == Vip ? TranslatedAnswer(false, Wire.Udp) : Translated(false, Wire.Udp));
        error[4] ^= 1;
        FromServer(error);
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        byte[] translated = _rig.Frame(0)[14..].ToArray();
        Assert.NotEqual(Ip.Finish4([.. translated]), translated);
    }

    /// <summary>Quoted packets that are cut off, of no flow, or not what they should be, go on as any ICMP message.</summary>
    [Fact]
    public void ErrorsAboutNoFlowAreTheSlowPaths()
    {
        Service(v6: false, Wire.Udp);
        FromClient(Request(false, Wire.Udp));
        byte[] quoted = TranslatedAnswer(false, Wire.Udp);
        byte[] otherPort = Ip.Packet(Wire.Udp, Vip, VipPort, Client, ClientPort + 1);
        foreach (byte[] q in (byte[][])[quoted[..27], otherPort, [.. quoted[..9], 6, .. quoted[10..]], [0x46, .. quoted[1..]], [.. quoted[..6], 0, 1, .. quoted[8..]], []])
        {
            FromClient(Error(false, "198.51.100.1", Vip, q));
            Assert.Equal(Verdict.Punt, _rig.Burst->VerdictOf(0));
        }

        FromClient(Error(false, "198.51.100.1", "172.16.58.9", quoted));
        Assert.Equal(Verdict.Punt, _rig.Burst->VerdictOf(0));
    }

    /// <summary>With direct routing the server has the VIP: it gets errors about its answers as they come.</summary>
    [Fact]
    public void DirectRoutingPassesErrorsOn()
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, Dip);
        content.Service(Vip, VipPort, Wire.Udp, Scheduler.Maglev, 251, (lan, Rip, 1));
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
        FromClient(Request(false, Wire.Udp), port: 0);
        byte[] error = Error(false, "198.51.100.1", Vip, TranslatedAnswer(false, Wire.Udp));
        FromClient(error, port: 0);
        Forwarded(0, EngineRig.MacOfNextHop(1), error);
    }

    [Fact]
    public void ABackupsAnswersAreNotItsBusiness()
    {
        Service(v6: false, Wire.Tcp);
        FromClient(Request(false, Wire.Tcp));
        ContentBuilder governed = new();
        ushort lan = governed.Interface(0, 0, Dip);
        governed.Interface(1, 0, "192.0.2.1", 1_400);
        governed.Service(Vip, VipPort, Wire.Tcp, Scheduler.Maglev, 251, (lan, Rip, 1));
        governed.Nat(1, RipPort).Govern(1);
        _rig.Publish(governed.Content);
        FromServer(Answer(false, Wire.Tcp));
        Assert.Equal(DropReason.VipNotOwned, (DropReason)_rig.Burst->Reason[0]);
    }
}
