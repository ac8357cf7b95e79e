using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Inside hosts on port 0, the gateway on port 1.</summary>
public sealed unsafe class SnatTests : IDisposable
{
    private const string Inside = "10.1.0.7", Inside6 = "fd17::7", Outside = "198.51.100.9", Outside6 = "2001:db8::9", Gateway = "192.0.2.254", Gateway6 = "fd18::fe", Source = "192.0.2.200", Source6 = "fd18::200";
    private const ulong OwnMac = 0x010000000002, HostMac = 0x070000000002, GatewayMac = 0x0C0000000002;
    private const int HostPort = 40000, OutsidePort = 80, PortsPerAddress = 65_536 - Limits.SourcePortMin;
    private readonly EngineRig _rig = new(1024, OwnMac, OwnMac + (1UL << 40));
    private ushort _lan, _wan;

    public void Dispose() => _rig.Dispose();

    private ContentBuilder Net(ushort lanMtuBytes = 1_500)
    {
        ContentBuilder content = new();
        _lan = content.Interface(0, 0, "10.1.0.1", lanMtuBytes);
        _wan = content.Interface(1, 0, "192.0.2.1", 1_400);
        return content;
    }

    private SnapshotContent Use(ContentBuilder content)
    {
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
        return content.Content;
    }

    private SnapshotContent Rules(ServiceFlags flags = ServiceFlags.None, ushort lanMtuBytes = 1_500, string inside = "10.1.0.0/24", string inside6 = "fd17::/64")
    {
        ContentBuilder content = Net(lanMtuBytes);
        content.Snat(_wan, Gateway, content.Pool(Source), [inside], flags: flags);
        content.Snat(_wan, Gateway6, content.Pool(Source6), [inside6], flags: flags);
        return Use(content);
    }

    private static string In(bool v6) => v6 ? Inside6 : Inside;

    private static string Out(bool v6) => v6 ? Outside6 : Outside;

    private static string Src(bool v6) => v6 ? Source6 : Source;

    private void FromInside(byte[] ip, int port = 0) => _rig.Run(port, Frames.Of(ip, OwnMac + ((ulong)port << 40), HostMac));

    private void FromOutside(byte[] ip) => _rig.Run(1, Frames.Of(ip, OwnMac + (1UL << 40), GatewayMac));

    private byte[] Packet() => _rig.Frame(0)[14..].ToArray();

    private Verdict Became => _rig.Burst->VerdictOf(0);

    private (Verdict, DropReason) Lost => (_rig.Burst->VerdictOf(0), (DropReason)_rig.Burst->Reason[0]);

    private int LocalPort(bool v6, bool echo = false) => BinaryPrimitives.ReadUInt16BigEndian(Packet().AsSpan((v6 ? 40 : 20) + (echo ? 4 : 0)));

    private ulong PortsInUse(int slot = 1) => _rig.Region.SourceCounters(0)[slot].PortsInUse;

    private static byte[] Echo(bool v6, string from, string to, int id, bool reply, byte[]? payload = null, int ttl = 64)
    {
        byte type = v6 ? (byte)(reply ? 129 : 128) : (byte)(reply ? 0 : 8);
        byte[] icmp = [type, 0, 0, 0, (byte)(id >> 8), (byte)id, 0, 1, .. payload ?? [1, 2, 3]];
        return Ip.Finish(v6 ? Ip.V6(from, to, 58, icmp, hopLimit: ttl) : Ip.V4(from, to, 1, icmp, ttl: ttl));
    }

    /// <summary>Each value of the payload brings another checksum: 0 and 0xFFFF come by.</summary>
    [Theory]
    [InlineData(false, Wire.Tcp)]
    [InlineData(false, Wire.Udp)]
    [InlineData(true, Wire.Tcp)]
    [InlineData(true, Wire.Udp)]
    public void BothWaysAreTranslatedWithRightChecksums(bool v6, byte protocol)
    {
        Rules();
        for (int value = 0; value < 0x10000; value++)
        {
            byte[] payload = [(byte)(value >> 8), (byte)value];
            int ttl = 2 + (value % 250);
            FromInside(Ip.Packet(protocol, In(v6), HostPort, Out(v6), OutsidePort, payload, ttl));
            int local = LocalPort(v6);
            Assert.True(Packet().AsSpan().SequenceEqual(Ip.Packet(protocol, Src(v6), local, Out(v6), OutsidePort, payload, ttl - 1)), $"payload {value:x4}");
            Assert.Equal((1, EngineRig.MacOfNextHop(v6 ? 2 : 1)), (_rig.Burst->Egress[0], BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask));
            FromOutside(Ip.Packet(protocol, Out(v6), OutsidePort, Src(v6), local, payload, ttl));
            Assert.True(Packet().AsSpan().SequenceEqual(Ip.Packet(protocol, Out(v6), OutsidePort, In(v6), HostPort, payload, ttl - 1)), $"answer {value:x4}");
            Assert.Equal((0, HostMac), (_rig.Burst->Egress[0], BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask));
        }

        Assert.Equal((1UL, 0x10000UL), (_rig.Counters.FlowsCreated, _rig.Counters.ReplyPackets));
        Assert.Equal((0x10000UL, 1U), (_rig.Region.ServerCounters(0)[v6 ? 2 : 1].Packets, _rig.Region.ServerCounters(0)[v6 ? 2 : 1].Connections));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void EchoesGoByTheirIdentifier(bool v6)
    {
        Rules();
        for (int value = 0; value < 0x10000; value += 7)
        {
            byte[] payload = [(byte)(value >> 8), (byte)value];
            FromInside(Echo(v6, In(v6), Out(v6), 77, reply: false, payload));
            int id = LocalPort(v6, echo: true);
            Assert.InRange(id, Limits.SourcePortMin, 65_535);
            Assert.Equal(Echo(v6, Src(v6), Out(v6), id, reply: false, payload, ttl: 63), Packet());
            FromOutside(Echo(v6, Out(v6), Src(v6), id, reply: true, payload));
            Assert.Equal(Echo(v6, Out(v6), In(v6), 77, reply: true, payload, ttl: 63), Packet());
        }

        FromInside(Echo(v6, In(v6), Out(v6), 77, reply: false));
        int first = LocalPort(v6, echo: true);
        FromInside(Echo(v6, In(v6), Out(v6), 78, reply: false));
        Assert.NotEqual(first, LocalPort(v6, echo: true));
        FromOutside(Echo(v6, Out(v6), Src(v6), first + 5, reply: true));
        Assert.Equal((Verdict.Drop, DropReason.NoSession), Lost);
        FromOutside(Echo(v6, Out(v6), Src(v6), first, reply: false));
        Assert.Equal(Verdict.Punt, Became);   // somebody pings the source address
    }

    /// <summary>One port of a host to many destinations: a flow each, with states of their own.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnePortToManyDestinationsIsManyFlows(bool v6)
    {
        Rules();
        Dictionary<int, int> locals = [];
        for (int n = 1; n <= 200; n++)
        {
            string to = v6 ? $"2001:db8::{n:x}" : $"198.51.100.{n}";
            FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, to, OutsidePort));
            locals.Add(LocalPort(v6), n);
        }

        foreach ((int local, int n) in locals)
        {
            string from = v6 ? $"2001:db8::{n:x}" : $"198.51.100.{n}";
            FromOutside(Ip.Packet(Wire.Udp, from, OutsidePort, Src(v6), local));
            Assert.Equal(Ip.Packet(Wire.Udp, from, OutsidePort, In(v6), HostPort, ttl: 63), Packet());
        }

        Assert.Equal((200UL, 200U), (_rig.Counters.FlowsCreated, _rig.State->Flows6.Count));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnlyTheDestinationIsHeard(bool v6)
    {
        Rules();
        FromInside(Ip.Packet(Wire.Tcp, In(v6), HostPort, Out(v6), OutsidePort));
        int local = LocalPort(v6);
        string other = v6 ? "2001:db8::a" : "198.51.100.10";
        foreach (byte[] stray in (byte[][])[
            Ip.Packet(Wire.Tcp, other, OutsidePort, Src(v6), local), Ip.Packet(Wire.Tcp, Out(v6), OutsidePort + 1, Src(v6), local),
            Ip.Packet(Wire.Udp, Out(v6), OutsidePort, Src(v6), local), Ip.Packet(Wire.Tcp, Out(v6), OutsidePort, Src(v6), local + 1)])
        {
            FromOutside(stray);
            Assert.Equal((Verdict.Drop, DropReason.NoSession), Lost);
        }
    }

    /// <summary>What no rule takes is the host's, as without rules.</summary>
    [Fact]
    public void TheFirstRuleThatTakesAPacketCounts()
    {
        ContentBuilder content = Net();
        ushort tagged = content.Interface(0, 5, "10.2.0.1");
        int first = content.Snat(_wan, Gateway, content.Pool("192.0.2.201"), ["10.1.0.7/32"], ["198.51.100.0/24"], ["198.51.100.128/25"]);
        int second = content.Snat(_wan, Gateway, content.Pool("192.0.2.202"), ["10.1.0.0/24", "10.9.0.0/16"], from: _lan);
        int third = content.Snat(_wan, Gateway, content.Pool("192.0.2.203"), ["10.1.0.0/16"], ["203.0.113.1/32"], from: tagged);
        Use(content);
        Assert.Equal((uint)first, Taken("10.1.0.7", "198.51.100.9"));
        Assert.Equal((uint)second, Taken("10.1.0.7", "198.51.100.129"));
        Assert.Equal((uint)second, Taken("10.1.0.7", "203.0.113.1"));
        Assert.Equal((uint)second, Taken("10.9.255.1", "203.0.113.1"));
        Assert.Equal(0u, Taken("10.1.1.7", "203.0.113.1"));
        Assert.Equal((uint)third, Taken("10.1.1.7", "203.0.113.1", vlan: 5));
        Assert.Equal(0u, Taken("10.1.1.7", "203.0.113.2", vlan: 5));
        Assert.Equal(0u, Taken("10.2.0.7", "203.0.113.1"));
        foreach (string to in (string[])["10.1.0.1", "224.0.0.5", "255.255.255.255", "127.0.0.1", "169.254.1.1", "0.0.0.0"])
        {
            Assert.Equal(0u, Taken("10.1.0.7", to));
        }
    }

    /// <summary>Slot of the server that an inside host's packet goes by; 0 = to the host.</summary>
    private uint Taken(string from, string to, ushort vlan = 0)
    {
        byte[] frame = Frames.Of(Ip.Packet(Wire.Udp, from, HostPort, to, OutsidePort), OwnMac, HostMac);
        _rig.Run(0, vlan == 0 ? frame : [.. frame[..12], 0x81, 0, 0, (byte)vlan, .. frame[12..]]);
        Assert.Contains(Became, (Verdict[])[Verdict.Punt, Verdict.Forward]);
        return Became == Verdict.Punt ? 0 : _rig.Burst->Server[0];
    }

    [Fact]
    public void AnInsideHostThatIsARealServerHasBoth()
    {
        ContentBuilder content = Net();
        content.Service("172.16.58.1", 80, Wire.Tcp, Scheduler.Maglev, 251, (_lan, Inside, 1));
        content.Nat(1, 8080);
        content.Snat(_wan, Gateway, content.Pool(Source), ["10.1.0.0/24"]);
        Use(content);
        FromOutside(Ip.Packet(Wire.Tcp, Outside, 5000, "172.16.58.1", 80));
        Assert.Equal(Ip.Packet(Wire.Tcp, Outside, 5000, Inside, 8080, ttl: 63), Packet());
        FromInside(Ip.Packet(Wire.Tcp, Inside, 8080, Outside, 5000));
        Assert.Equal(Ip.Packet(Wire.Tcp, "172.16.58.1", 80, Outside, 5000, ttl: 63), Packet());

        // From the service's own port, but to nobody who is a client; and from another one.
        foreach (int port in (int[])[8080, 33_000])
        {
            FromInside(Ip.Packet(Wire.Tcp, Inside, port, Outside, 5001, tcpFlags: Wire.Syn));
            int local = LocalPort(v6: false);
            Assert.Equal(Ip.Packet(Wire.Tcp, Source, local, Outside, 5001, ttl: 63, tcpFlags: Wire.Syn), Packet());
            FromOutside(Ip.Packet(Wire.Tcp, Outside, 5001, Source, local));
            Assert.Equal(Ip.Packet(Wire.Tcp, Outside, 5001, Inside, port, ttl: 63), Packet());
            FromInside(Ip.PortUnreachable(false, "10.1.0.1", Outside, Ip.Packet(Wire.Tcp, Outside, 5001, Inside, port, ttl: 63)));
            Assert.Equal((Verdict.Forward, 1), (Became, _rig.Burst->Egress[0]));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ErrorsAreTranslatedBothWays(bool v6)
    {
        Rules();
        string router = v6 ? "2001:db8:1::1" : "203.0.113.1", insideRouter = v6 ? "fd17::99" : "10.1.0.99";
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        int local = LocalPort(v6);
        FromOutside(Ip.PortUnreachable(v6, router, Src(v6), Packet()));
        Assert.Equal(Verdict.Forward, Became);
        Assert.Equal(Ip.PortUnreachable(v6, router, In(v6), Ip.Quoted(v6, In(v6), HostPort, Out(v6), OutsidePort, Ip.Packet(Wire.Udp, Src(v6), local, Out(v6), OutsidePort, ttl: 63)), ttl: 63), Packet());
        Assert.Equal((0, HostMac), (_rig.Burst->Egress[0], BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask));

        // From inside, about what has come in: nobody outside may see who has sent it.
        byte[] answer = Ip.Packet(Wire.Udp, Out(v6), OutsidePort, In(v6), HostPort, ttl: 63);
        FromInside(Ip.PortUnreachable(v6, insideRouter, Out(v6), answer));
        Assert.Equal(Verdict.Forward, Became);
        Assert.Equal(Ip.PortUnreachable(v6, Src(v6), Out(v6), Ip.Quoted(v6, Out(v6), OutsidePort, Src(v6), local, answer), ttl: 63), Packet());
        Assert.Equal(1, _rig.Burst->Egress[0]);
        Assert.Equal(2UL, _rig.Counters.FlowErrors);

        byte[] bad = Ip.PortUnreachable(v6, router, Src(v6), Ip.Packet(Wire.Udp, Src(v6), local, Out(v6), OutsidePort, ttl: 63));
        bad[^1] ^= 1;
        FromOutside(bad);
        Assert.Equal((Verdict.Drop, DropReason.IcmpBad), Lost);
        FromOutside(Ip.PortUnreachable(v6, router, Src(v6), Ip.Packet(Wire.Udp, Src(v6), local + 1, Out(v6), OutsidePort)));
        Assert.Equal((Verdict.Drop, DropReason.NoSession), Lost);
        FromInside(Ip.PortUnreachable(v6, insideRouter, Out(v6), Ip.Packet(Wire.Udp, Out(v6), OutsidePort, In(v6), HostPort + 1)));
        Assert.Equal(Verdict.Punt, Became);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ErrorsAboutEchoesAreTranslatedBothWays(bool v6)
    {
        Rules();
        string router = v6 ? "2001:db8:1::1" : "203.0.113.1";
        FromInside(Echo(v6, In(v6), Out(v6), 77, reply: false));
        byte[] sent = Packet();
        int id = LocalPort(v6, echo: true);
        FromOutside(Ip.PortUnreachable(v6, router, Src(v6), sent));
        Assert.Equal(Verdict.Forward, Became);
        Assert.Equal(Ip.PortUnreachable(v6, router, In(v6), WithSum(v6, Echo(v6, In(v6), Out(v6), 77, reply: false, ttl: 63), sent), ttl: 63), Packet());

        byte[] answer = Echo(v6, Out(v6), In(v6), 77, reply: true, ttl: 63);
        FromInside(Ip.PortUnreachable(v6, In(v6), Out(v6), answer));
        Assert.Equal(Ip.PortUnreachable(v6, Src(v6), Out(v6), WithSum(v6, Echo(v6, Out(v6), Src(v6), id, reply: true, ttl: 63), answer), ttl: 63), Packet());
    }

    /// <summary>The quoted checksum stays what it was.</summary>
    private static byte[] WithSum(bool v6, byte[] packet, byte[] from)
    {
        from.AsSpan(v6 ? 42 : 22, 2).CopyTo(packet.AsSpan(v6 ? 42 : 22));
        return packet;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatIsTooBigOrHasComeTooFarIsRefused(bool v6)
    {
        Rules(lanMtuBytes: 1_300);
        byte[] large = Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort, new byte[1_401 - (v6 ? 48 : 28)]);
        FromInside(large);
        Assert.Equal((Verdict.Refuse, DropReason.TooBig, 1_400u), (Became, (DropReason)_rig.Burst->Reason[0], _rig.Burst->NextHop[0]));
        Assert.Equal(large, Packet());
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        int local = LocalPort(v6);
        FromOutside(Ip.Packet(Wire.Udp, Out(v6), OutsidePort, Src(v6), local, new byte[1_301 - (v6 ? 48 : 28)]));
        Assert.Equal((Verdict.Refuse, DropReason.TooBig, 1_300u), (Became, (DropReason)_rig.Burst->Reason[0], _rig.Burst->NextHop[0]));
        foreach (byte[] last in (byte[][])[Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort, ttl: 1), Echo(v6, In(v6), Out(v6), 1, reply: false, ttl: 1)])
        {
            FromInside(last);
            Assert.Equal((Verdict.Refuse, DropReason.TtlExpired), (Became, (DropReason)_rig.Burst->Reason[0]));
            Assert.Equal(last, Packet());
        }
    }

    [Fact]
    public void FlowsFollowTcpsStatesOfBothSides()
    {
        Rules();
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort, tcpFlags: Wire.Syn));
        int first = LocalPort(v6: false);
        AssertState(FlowState.SynReceived);
        FromOutside(Ip.Packet(Wire.Tcp, Outside, OutsidePort, Source, first, tcpFlags: Wire.Syn | Wire.Ack));
        AssertState(FlowState.SynReceived);
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort));
        AssertState(FlowState.Established);
        Assert.Equal((1U, 0U), (_rig.Region.ServerCounters(0)[1].ActiveConnections, _rig.Region.ServerCounters(0)[1].InactiveConnections));
        FromOutside(Ip.Packet(Wire.Tcp, Outside, OutsidePort, Source, first, tcpFlags: Wire.Fin | Wire.Ack));
        AssertState(FlowState.FinWait);
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort, tcpFlags: Wire.Fin | Wire.Ack));
        AssertState(FlowState.TimeWait);
        Assert.Equal((0U, 1U), (_rig.Region.ServerCounters(0)[1].ActiveConnections, _rig.Region.ServerCounters(0)[1].InactiveConnections));

        // The host uses its port again.
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort, tcpFlags: Wire.Syn));
        Assert.NotEqual(first, LocalPort(v6: false));
        AssertState(FlowState.SynReceived);
        Assert.Equal((1UL, 1U), (PortsInUse(), _rig.State->Flows6.Count));
    }

    private void AssertState(FlowState state) => Assert.Equal((uint)state, FlowValue.State(*(ulong*)_rig.Burst->Flow[0]));

    [Fact]
    public void SctpHasItsStatesAndItsChecksum()
    {
        Rules();
        byte[] init = Sctp(Inside, HostPort, Outside, 3868, 1);
        FromInside(init);
        int local = LocalPort(v6: false);
        Assert.Equal(Sctp(Source, local, Outside, 3868, 1, ttl: 63), Packet());
        Assert.Equal(FlowState.SctpInit1, (FlowState)(FlowValue.State(*(ulong*)_rig.Burst->Flow[0]) | (uint)FlowState.Sctp));
        FromOutside(Sctp(Outside, 3868, Source, local, 2));
        Assert.Equal(Sctp(Outside, 3868, Inside, HostPort, 2, ttl: 63), Packet());
        Assert.Equal(FlowState.SctpCookieSent, (FlowState)(FlowValue.State(*(ulong*)_rig.Burst->Flow[0]) | (uint)FlowState.Sctp));
    }

    private static byte[] Sctp(string from, int fromPort, string to, int toPort, byte chunk, int ttl = 64)
    {
        byte[] sctp = [(byte)(fromPort >> 8), (byte)fromPort, (byte)(toPort >> 8), (byte)toPort, 1, 2, 3, 4, 0, 0, 0, 0, chunk, 0, 0, 20, 5, 6, 7, 8, 9, 10, 11, 12, 0, 1, 0, 1, 0, 0, 0, 1];
        fixed (byte* at = sctp)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(sctp.AsSpan(8), Crc32c.Of(at, sctp.Length));
        }

        return Ip.V4(from, to, Wire.Sctp, sctp, ttl: ttl);
    }

    /// <summary>SYN with ACK is an answer to what the director has not seen.</summary>
    [Theory]
    [InlineData(Wire.Ack)]
    [InlineData(Wire.Syn | Wire.Ack)]
    [InlineData(Wire.Syn | Wire.Rst)]
    public void WhereOnlyASynOpensOthersAreDropped(byte flags)
    {
        Rules(ServiceFlags.SynOnly);
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort, tcpFlags: flags));
        Assert.Equal((Verdict.Drop, DropReason.NotSyn), Lost);
        Assert.Equal((0UL, 0U), (PortsInUse(), _rig.State->Flows6.Count));
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort, tcpFlags: Wire.Syn));
        Assert.Equal(Verdict.Forward, Became);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FragmentsFollowTheFirstOne(bool v6)
    {
        Rules();
        byte[] whole = Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort, new byte[64]);
        FromInside(Part(v6, whole, 32, 40, 9));
        Assert.Equal((Verdict.Drop, DropReason.FragmentUnknown), Lost);   // it would go out as it is otherwise
        FromInside(Part(v6, whole, 0, 32, 9));
        Assert.Equal((Verdict.Forward, 1), (Became, _rig.Burst->Egress[0]));
        byte[] first = Packet();
        FromInside(Part(v6, whole, 32, 40, 9));
        Assert.Equal(Verdict.Forward, Became);
        byte[] source = System.Net.IPAddress.Parse(Src(v6)).GetAddressBytes();
        Assert.Equal(source, Packet()[(v6 ? 8 : 12)..][..source.Length]);
        Assert.Equal(source, first[(v6 ? 8 : 12)..][..source.Length]);
        Assert.Equal(EngineRig.MacOfNextHop(v6 ? 2 : 1), BitConverter.ToUInt64(_rig.Frame(0)) & Wire.MacMask);

        byte[] answer = Ip.Packet(Wire.Udp, Out(v6), OutsidePort, Src(v6), BinaryPrimitives.ReadUInt16BigEndian(first.AsSpan(v6 ? 48 : 20)), new byte[64]);
        FromOutside(Part(v6, answer, 0, 32, 10));
        FromOutside(Part(v6, answer, 32, 40, 10));
        Assert.Equal((Verdict.Forward, 0), (Became, _rig.Burst->Egress[0]));
        byte[] inside = System.Net.IPAddress.Parse(In(v6)).GetAddressBytes();
        Assert.Equal(inside, Packet()[(v6 ? 24 : 16)..][..inside.Length]);
    }

    /// <summary>Where the first fragment is the host's, the later ones are, too.</summary>
    [Theory]
    [InlineData("10.1.0.1", false)]
    [InlineData("192.0.2.1", false)]
    [InlineData("169.254.1.1", false)]
    [InlineData("fe80::1", true)]
    public void FragmentsForTheDirectorItselfAreTheHosts(string to, bool v6)
    {
        Rules();
        byte[] whole = Ip.Packet(Wire.Udp, In(v6), 500, to, 500, new byte[64]);
        FromInside(Part(v6, whole, 0, 24, 9));
        Assert.Equal(Verdict.Punt, Became);
        FromInside(Part(v6, whole, 24, 48, 9));
        Assert.Equal(Verdict.Punt, Became);
    }

    /// <summary>Packets on another interface than the rule's, whoever sends them, do not end a flow.</summary>
    [Fact]
    public void AFlowIsNotEndedFromAnotherInterface()
    {
        ContentBuilder content = Net();
        content.Snat(_wan, Gateway, content.Pool(Source), ["10.1.0.0/24"], from: _lan);
        Use(content);
        FromInside(Ip.Packet(Wire.Udp, Inside, HostPort, Outside, OutsidePort));
        int local = LocalPort(v6: false);
        FromInside(Ip.Packet(Wire.Udp, Inside, HostPort, Outside, OutsidePort), port: 1);
        Assert.Equal(Verdict.Punt, Became);
        FromOutside(Ip.Packet(Wire.Udp, Outside, OutsidePort, Source, local));
        Assert.Equal(Verdict.Forward, Became);
    }

    /// <summary>An outsider who has seen a port does not know the next one; a port that was given back is not the next one either.</summary>
    [Fact]
    public void PortsCannotBeGuessed()
    {
        using EngineRig rig = new(1024, OwnMac, OwnMac + (1UL << 40));
        rig.BeWorker(0, 1, seed: 1);
        ContentBuilder content = Net();
        content.Snat(_wan, Gateway, content.Pool(Source), ["10.1.0.0/24"]);
        rig.Publish(content.Content);
        rig.ResolveAll(content.Content);
        HashSet<int> seen = [];
        int neighbours = 0, upper = 0;
        for (int n = 0, last = 0; n < 500; n++)
        {
            rig.Run(0, Frames.Of(Ip.Packet(Wire.Udp, Inside, 1024 + n, Outside, 53), OwnMac, HostMac));
            int port = BinaryPrimitives.ReadUInt16BigEndian(rig.Frame(0)[34..]);
            Assert.True(seen.Add(port));
            neighbours += Math.Abs(port - last) < 100 ? 1 : 0;
            upper += port >= 16_384 + 1024 ? 1 : 0;
            last = port;
        }

        Assert.InRange(neighbours, 0, 20);
        Assert.InRange(upper, 310, 440);         // three quarters
    }

    private static byte[] Part(bool v6, byte[] whole, int from, int bytes, int id)
    {
        int header = v6 ? 40 : 20;
        bool more = from + bytes < whole.Length - header;
        byte[] part = whole[(header + from)..(header + from + bytes)];
        if (v6)
        {
            byte[] fragment = [17, 0, (byte)(from >> 8), (byte)(from | (more ? 1 : 0)), 0, 0, 0, (byte)id, .. part];
            byte[] ip = [.. whole[..40], .. fragment];
            (ip[6], ip[4], ip[5]) = (44, 0, (byte)fragment.Length);
            return ip;
        }

        byte[] packet = [.. whole[..20], .. part];
        (packet[2], packet[3], packet[4], packet[5], packet[6], packet[7]) = (0, (byte)packet.Length, 0, (byte)id, more ? (byte)0x20 : (byte)0, (byte)(from / 8));
        return Ip.Finish4(packet);
    }

    [Fact]
    public void FlowsEndByTheSweepAndPortsComeBack()
    {
        Rules();
        for (int port = 1; port <= 300; port++)
        {
            FromInside(Ip.Packet(Wire.Udp, port % 2 == 0 ? Inside : Inside6, port, port % 2 == 0 ? Outside : Outside6, OutsidePort));
        }

        Assert.Equal((150UL, 150UL, 300U), (PortsInUse(1), PortsInUse(2), _rig.State->Flows6.Count));
        for (int s = 0; s < 310; s++)
        {
            _rig.State->NowMs += 1_000;
            FlowSweep.Run(_rig.State);
        }

        Assert.Equal((0UL, 0UL, 0U), (PortsInUse(1), PortsInUse(2), _rig.State->Flows6.Count));
        Assert.Equal(0U, _rig.Region.ServerCounters(0)[1].InactiveConnections);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnAddressOrRuleThatIsTakenAwayEndsItsFlows(bool v6)
    {
        SnapshotContent content = Rules();
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        int first = LocalPort(v6), slot = v6 ? 2 : 1;
        content.Sources[slot] = content.Sources[slot] with { Incarnation = 2 };   // the slot is another's now
        _rig.Publish(content);
        FromOutside(Ip.Packet(Wire.Udp, Out(v6), OutsidePort, Src(v6), first));
        Assert.Equal((Verdict.Drop, DropReason.NoSession), Lost);
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        Assert.NotEqual(first, LocalPort(v6));

        // The rule is about others now. An answer alone does not know, the host's next packet ends the flow both ways.
        int second = LocalPort(v6);
        ulong inUse = PortsInUse(slot);
        content = Rules(inside: "10.1.7.0/24", inside6: "fd99::/64");
        content.Sources[slot] = content.Sources[slot] with { Incarnation = 2 };
        _rig.Publish(content);
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        Assert.Equal((Verdict.Punt, inUse - 1), (Became, PortsInUse(slot)));
        FromOutside(Ip.Packet(Wire.Udp, Out(v6), OutsidePort, Src(v6), second));
        Assert.Equal((Verdict.Drop, DropReason.NoSession), Lost);
        Use(Net());
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        Assert.Equal(Verdict.Punt, Became);
    }

    /// <summary>Without rules no packet is looked at for SNAT: the sweep ends what is left.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheLastRulesFlowsEndWithIt(bool v6)
    {
        Rules();
        FromInside(Ip.Packet(Wire.Udp, In(v6), HostPort, Out(v6), OutsidePort));
        Assert.Equal((1UL, 1U), (PortsInUse(v6 ? 2 : 1), _rig.State->Flows6.Count));
        Use(Net());
        for (int turn = 0; turn < 10; turn++)
        {
            _rig.State->NowMs += 100;
            FlowSweep.Run(_rig.State);
        }

        Assert.Equal((0UL, 0U), (PortsInUse(v6 ? 2 : 1), _rig.State->Flows6.Count));
    }

    /// <summary>After many changes a slot may have its number of incarnation again, and be that of a service's server: a flow of SNAT is no client's of it.</summary>
    [Fact]
    public void AFlowIsNotTakenForOneOfAService()
    {
        Rules();
        FromInside(Ip.Packet(Wire.Udp, Inside, HostPort, Outside, OutsidePort));
        int local = LocalPort(v6: false);
        ContentBuilder content = Net();
        content.Service("172.16.58.1", OutsidePort, Wire.Udp, Scheduler.Maglev, 251, (_wan, Outside, 1));
        content.FullNat(1, OutsidePort, Source);
        Use(content);
        FromOutside(Ip.Packet(Wire.Udp, Outside, OutsidePort, Source, local));
        Assert.Equal((Verdict.Drop, DropReason.NoSession), Lost);
    }

    /// <summary>Nobody could use or remove them, and their ports would be missing to whoever gets the address' slot.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FlowsWhoseAddressIsTakenAwayAreSwept(bool v6)
    {
        SnapshotContent content = Rules();
        FromInside(Ip.Packet(Wire.Tcp, Inside, HostPort, Outside, OutsidePort, tcpFlags: Wire.Syn));
        FromInside(Ip.Packet(Wire.Tcp, Inside6, HostPort, Outside6, OutsidePort, tcpFlags: Wire.Syn));
        int slot = v6 ? 2 : 1;
        content.Sources[slot] = content.Sources[slot] with { Incarnation = 2 };
        _rig.Publish(content);
        _rig.State->NowMs += FlowSweep.RoundMs;
        FlowSweep.Run(_rig.State);
        Assert.Equal((0UL, 1UL, 1U), (PortsInUse(slot), PortsInUse(3 - slot), _rig.State->Flows6.Count));
        Assert.Equal((0U, 1U), (_rig.Region.ServerCounters(0)[slot].ActiveConnections, _rig.Region.ServerCounters(0)[3 - slot].ActiveConnections));
    }

    [Fact]
    public void WithoutAFreePortOrRoomAFlowIsDroppedAndCounted()
    {
        using EngineRig rig = new(131_072, OwnMac, OwnMac + (1UL << 40));
        ContentBuilder content = Net();
        content.Snat(_wan, Gateway, content.Pool(Source), ["10.0.0.0/8"]);
        rig.Publish(content.Content);
        rig.ResolveAll(content.Content);
        int forwarded = 0, dropped = 0;
        for (int n = 0; n < PortsPerAddress + 100; n++)
        {
            rig.Run(0, Frames.Of(Ip.Packet(Wire.Udp, $"10.0.{n >> 15}.1", 1 + (n & 0x7FFF), Outside, OutsidePort), OwnMac, HostMac));
            forwarded += rig.Burst->VerdictOf(0) == Verdict.Forward ? 1 : 0;
            dropped += rig.Burst->VerdictOf(0) == Verdict.Drop && (DropReason)rig.Burst->Reason[0] == DropReason.NoLocalPort ? 1 : 0;
        }

        Assert.Equal((PortsPerAddress, 100), (forwarded, dropped));
        Assert.Equal(((ulong)dropped, (uint)PortsPerAddress), (rig.Region.SourceCounters(0)[1].Exhausted, rig.State->Flows6.Count));

        Use(content);
        int full = 0;
        for (int n = 0; n < 8_000; n++)
        {
            FromInside(Ip.Packet(Wire.Udp, $"10.0.{n >> 8}.1", 1 + (n & 0xFF), Outside, OutsidePort));
            full += Lost == (Verdict.Drop, DropReason.FlowTableFull) ? 1 : 0;
        }

        Assert.InRange(full, 8_000 - 2_048, 8_000 - 1_024);
        Assert.Equal((ulong)full, _rig.Counters.FlowTableFull);
        Assert.Equal((ulong)_rig.State->Flows6.Count, PortsInUse());
    }

    /// <summary>Flows live at a home worker, and their local ports name it; errors go there, too. A NAT server's port has the home of its replies, or packets would go round in circles.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void PacketsGoToTheWorkerThatHasThePort(bool v6)
    {
        const int workers = 2;
        using EngineRig second = new(1024, OwnMac, OwnMac + (1UL << 40));
        EngineRig[] rigs = [_rig, second];
        ContentBuilder content = Net();
        content.Service("172.16.58.1", 80, Wire.Udp, Scheduler.Maglev, 251, (_lan, Inside, 1));
        content.Nat(1, 53);
        content.Service("fd16::100", 80, Wire.Udp, Scheduler.Maglev, 251, (_lan, Inside6, 1));
        content.Nat(2, 53);
        content.Snat(_wan, Gateway, content.Pool(Source), ["10.1.0.0/24"]);
        content.Snat(_wan, Gateway6, content.Pool(Source6), ["fd17::/64"]);
        for (int worker = 0; worker < workers; worker++)
        {
            rigs[worker].BeWorker(worker, workers);
            rigs[worker].Publish(content.Content);
            rigs[worker].ResolveAll(content.Content);
        }

        int[] flows = new int[workers];
        for (int n = 1; n <= 100; n++)
        {
            int from = n <= 50 ? n : 53, to = n <= 50 ? OutsidePort : 1_000 + n;
            int home = HomeOf(rigs, 0, Ip.Packet(Wire.Udp, In(v6), from, Out(v6), to));
            int local = BinaryPrimitives.ReadUInt16BigEndian(rigs[home].Frame(0)[(v6 ? 54 : 34)..]);
            Assert.Equal(home, local % workers);
            Assert.Equal(home, HomeOf(rigs, 1, Ip.Packet(Wire.Udp, Out(v6), to, Src(v6), local)));
            Assert.Equal(home, HomeOf(rigs, 0, Ip.PortUnreachable(v6, In(v6), Out(v6), Ip.Packet(Wire.Udp, Out(v6), to, In(v6), from, ttl: 63))));
            Assert.Equal(home, HomeOf(rigs, 1, Ip.PortUnreachable(v6, Out(v6), Src(v6), Ip.Packet(Wire.Udp, Src(v6), local, Out(v6), to, ttl: 63))));
            flows[home]++;
        }

        Assert.All(flows, f => Assert.InRange(f, 30, 70));
    }

    /// <summary>Where ports spread in a known way, both directions of a flow arrive at its worker: nothing is handed over.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnPortsWithRssBothDirectionsArriveAtTheFlowsWorker(bool v6)
    {
        const int workers = 2;
        const uint classes = 128;
        using EngineRig second = new(1024, OwnMac, OwnMac + (1UL << 40));
        EngineRig[] rigs = [_rig, second];
        ContentBuilder content = Net();
        content.Snat(_wan, Gateway, content.Pool(Source), ["10.1.0.0/24"]);
        content.Snat(_wan, Gateway6, content.Pool(Source6), ["fd17::/64"]);
        for (int worker = 0; worker < workers; worker++)
        {
            rigs[worker].BeWorker(worker, workers, classes);
            rigs[worker].Publish(content.Content);
            rigs[worker].ResolveAll(content.Content);
        }

        int[] flows = new int[workers];
        for (int port = 1; port <= 100; port++)
        {
            int home = HomeOf(rigs, 0, Ip.Packet(Wire.Tcp, In(v6), port, Out(v6), OutsidePort));
            int local = BinaryPrimitives.ReadUInt16BigEndian(rigs[home].Frame(0)[(v6 ? 54 : 34)..]);
            Assert.Equal(home, ArrivesAt(In(v6), port, Out(v6), OutsidePort));
            Assert.Equal(home, ArrivesAt(Out(v6), OutsidePort, Src(v6), local));
            Assert.Equal(home, HomeOf(rigs, 1, Ip.Packet(Wire.Tcp, Out(v6), OutsidePort, Src(v6), local)));
            flows[home]++;
        }

        Assert.All(flows, f => Assert.InRange(f, 30, 70));

        static int ArrivesAt(string from, int fromPort, string to, int toPort)
        {
            (ulong high, ulong low) = ContentBuilder.Words(from);
            (ulong toHigh, ulong toLow) = ContentBuilder.Words(to);
            uint words = RssSpread.Words(high, low) ^ RssSpread.Words(toHigh, toLow) ^ RssSpread.Ports(Wire.Swap((ushort)fromPort), Wire.Swap((ushort)toPort));
            return (int)RssSpread.WorkerOf(RssSpread.HashOfNetwork(words), classes, workers);
        }
    }

    /// <summary>The worker that forwards it, to which the other one hands it over.</summary>
    private static int HomeOf(EngineRig[] rigs, int port, byte[] ip)
    {
        byte[] frame = Frames.Of(ip, OwnMac + ((ulong)port << 40), HostMac);
        Array.ForEach(rigs, r => r.Run(port, frame));
        int home = Array.FindIndex(rigs, r => r.Burst->VerdictOf(0) == Verdict.Forward), other = 1 - home;
        Assert.Equal((Verdict.HandOver, (uint)home), (rigs[other].Burst->VerdictOf(0), rigs[other].Burst->NextHop[0]));
        return home;
    }
}
