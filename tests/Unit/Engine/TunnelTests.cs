using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class TunnelTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd16::100", Rip = "172.16.58.7", Rip6 = "fd16::7", Dip = "172.16.58.2", Dip6 = "fd16::2";
    private const int Congested = 3, GuePort = 6080, FirstDynamicPort = 49_152;
    private readonly EngineRig _rig = new(1024, 0x010000000002);

    public void Dispose() => _rig.Dispose();

    private void Service(bool vip6, bool rip6, ushort vlan = 0, Encapsulation encapsulation = Encapsulation.Ipip, bool checksum = false)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, vlan, Dip);
        content.Service(vip6 ? Vip6 : Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, rip6 ? Rip6 : Rip, 1));
        content.Tunnel(1, rip6 ? Dip6 : Dip, encapsulation, encapsulation == Encapsulation.Gue ? GuePort : 0, checksum);
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
    }

    private static byte[] Client(bool v6, int dsField = 0, int ttl = 64, bool dontFragment = false, int payloadBytes = 10, int vlan = 0)
    {
        byte[] frame = Frames.L4(v6 ? "fd16::1" : "172.16.0.1", 40000, v6 ? Vip6 : Vip, 80, payloadBytes: payloadBytes, vlan: vlan);
        int l3 = vlan == 0 ? 14 : 18;
        byte[] ip = frame[l3..];
        if (v6)
        {
            BinaryPrimitives.WriteUInt32BigEndian(ip, 0x60000000 | ((uint)dsField << 20));
            ip[7] = (byte)ttl;
        }
        else
        {
            ip[1] = (byte)dsField;
            ip[6] = dontFragment ? (byte)0x40 : (byte)0;
            ip[8] = (byte)ttl;
        }

        return [.. frame[..l3], .. Ip.Finish(ip)];
    }

    private static byte[] Hopped(byte[] ip)
    {
        bool v4 = ip[0] >> 4 == 4;
        ip[v4 ? 8 : 7]--;
        return v4 ? Ip.Finish4(ip) : ip;
    }

    private static byte[] Outer(bool rip6, byte[] inner, int dsField, bool dontFragment, int id)
    {
        bool inner4 = inner[0] >> 4 == 4;
        int ttl = inner[inner4 ? 8 : 7];
        byte protocol = inner4 ? (byte)4 : (byte)41;
        return rip6 ? Ip.V6(Dip6, Rip6, protocol, inner, dsField, ttl) : Ip.V4(Dip, Rip, protocol, inner, dsField, id, dontFragment, ttl);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void ThePacketTravelsInAnother(bool vip6, bool rip6)
    {
        Service(vip6, rip6);
        for (int ttl = 2; ttl <= 255; ttl++)
        {
            byte[] sent = Client(vip6, dsField: 0x48, ttl, dontFragment: ttl % 2 == 0);
            _rig.Run(0, sent);
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
            Assert.Equal(1u, _rig.Burst->Moved);
            ReadOnlySpan<byte> forwarded = _rig.Frame(0);
            int id = rip6 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(forwarded[18..]);
            byte[] expected = Outer(rip6, Hopped(Ip.Of(sent)), 0x48, dontFragment: !vip6 && ttl % 2 == 0, id);
            Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(forwarded[14..]));
            Assert.Equal(rip6 ? 0x86DD : 0x0800, BinaryPrimitives.ReadUInt16BigEndian(forwarded[12..]));
            Assert.Equal(EngineRig.MacOfNextHop(1), BitConverter.ToUInt64(forwarded) & Wire.MacMask);
            Assert.Equal(0x010000000002UL, BitConverter.ToUInt64(forwarded[6..]) & Wire.MacMask);
        }
    }

    /// <summary>Families of VIP and server, checksum.</summary>
    public static TheoryData<bool, bool, bool> Combinations
    {
        get
        {
            TheoryData<bool, bool, bool> all = [];
            for (int n = 0; n < 8; n++)
            {
                all.Add((n & 1) != 0, (n & 2) != 0, (n & 4) != 0);
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void GuePutsADatagramBetween(bool vip6, bool rip6, bool checksum)
    {
        Service(vip6, rip6, encapsulation: Encapsulation.Gue, checksum: checksum);
        foreach (int payloadBytes in (int[])[0, 1, 10, 1000, 1001])
        {
            byte[] sent = Client(vip6, dsField: 0xB8, dontFragment: true, payloadBytes: payloadBytes);
            _rig.Run(0, sent);
            byte[] forwarded = _rig.Frame(0)[14..].ToArray(), inner = Hopped(Ip.Of(sent));
            int outer = rip6 ? 40 : 20, id = rip6 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(forwarded.AsSpan(4)), source = BinaryPrimitives.ReadUInt16BigEndian(forwarded.AsSpan(outer));
            Assert.InRange(source, FirstDynamicPort, ushort.MaxValue);
            byte[] datagram = [(byte)(source >> 8), (byte)source, GuePort >> 8, GuePort & 0xFF, 0, 0, 0, 0, 0, vip6 ? (byte)41 : (byte)4, 0, 0, .. inner];
            BinaryPrimitives.WriteUInt16BigEndian(datagram.AsSpan(4), (ushort)datagram.Length);
            byte[] expected = rip6 ? Ip.V6(Dip6, Rip6, 17, datagram, 0xB8, 63) : Ip.V4(Dip, Rip, 17, datagram, 0xB8, id, !vip6, 63);
            expected = checksum ? Ip.Finish(expected) : expected;
            Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(forwarded));
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public void GrePutsItsHeaderBetween(bool vip6, bool rip6, bool checksum)
    {
        Service(vip6, rip6, encapsulation: Encapsulation.Gre, checksum: checksum);
        foreach (int payloadBytes in (int[])[0, 1, 10, 1000, 1001])
        {
            byte[] sent = Client(vip6, payloadBytes: payloadBytes);
            _rig.Run(0, sent);
            byte[] forwarded = _rig.Frame(0)[14..].ToArray(), inner = Hopped(Ip.Of(sent));
            int id = rip6 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(forwarded.AsSpan(4));
            byte[] gre = [checksum ? (byte)0x80 : (byte)0, 0, .. vip6 ? (byte[])[0x86, 0xDD] : [0x08, 0x00], .. checksum ? (byte[])[0, 0, 0, 0] : [], .. inner];
            if (checksum)
            {
                BinaryPrimitives.WriteUInt16BigEndian(gre.AsSpan(4), (ushort)~Ip.Sum(gre));
            }

            byte[] expected = rip6 ? Ip.V6(Dip6, Rip6, 47, gre, 0, 63) : Ip.V4(Dip, Rip, 47, gre, 0, id, false, 63);
            Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(forwarded));
        }
    }

    [Fact]
    public void AFlowHasOneSourcePortAndFlowsHaveMany()
    {
        Service(vip6: false, rip6: false, encapsulation: Encapsulation.Gue);
        HashSet<int> seen = [];
        for (int client = 1; client <= 200; client++)
        {
            byte[] sent = Frames.L4("172.16.0.9", client, Vip, 80);
            _rig.Run(0, sent, sent);
            Assert.Equal(BinaryPrimitives.ReadUInt16BigEndian(_rig.Frame(0)[34..]), BinaryPrimitives.ReadUInt16BigEndian(_rig.Frame(1)[34..]));
            seen.Add(BinaryPrimitives.ReadUInt16BigEndian(_rig.Frame(0)[34..]));
        }

        Assert.InRange(seen.Count, 190, 200);
    }

    [Theory]
    [InlineData(Encapsulation.Gue, false, 12)]
    [InlineData(Encapsulation.Gue, true, 12)]
    [InlineData(Encapsulation.Gre, false, 4)]
    [InlineData(Encapsulation.Gre, true, 8)]
    public void TheLongerHeaderCountsTowardsTheMtu(Encapsulation encapsulation, bool checksum, int bytes)
    {
        foreach ((bool rip6, int outer) in ((bool, int)[])[(false, 20), (true, 40)])
        {
            Service(vip6: false, rip6, encapsulation: encapsulation, checksum: checksum);
            int mtuBytes = 1500 - outer - bytes;
            _rig.Run(0, Client(false, payloadBytes: mtuBytes - 40), Client(false, payloadBytes: mtuBytes - 39));
            Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
            Assert.Equal(14 + 1500, _rig.Frame(0).Length);
            Assert.Equal((Verdict.Refuse, DropReason.TooBig, (uint)mtuBytes), (_rig.Burst->VerdictOf(1), (DropReason)_rig.Burst->Reason[1], _rig.Burst->NextHop[1]));
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(Congested, 2)]
    [InlineData(0xB8 | Congested, 0xB8 | 2)]
    public void TheOuterHeaderHasTheInnerDscpAndNoCongestion(int inner, int outer)
    {
        Service(vip6: false, rip6: false);
        _rig.Run(0, Client(v6: false, inner));
        Assert.Equal(outer, _rig.Frame(0)[15]);
        Assert.Equal(inner, _rig.Frame(0)[35]);
        Service(vip6: true, rip6: true);
        _rig.Run(0, Client(v6: true, inner));
        Assert.Equal(outer, (BinaryPrimitives.ReadUInt16BigEndian(_rig.Frame(0)[14..]) >> 4) & 0xFF);
    }

    [Fact]
    public void OuterIdentificationsDiffer()
    {
        Service(vip6: false, rip6: false);
        HashSet<int> seen = [];
        for (int n = 0; n < 100; n++)
        {
            _rig.Run(0, Client(v6: false));
            Assert.True(seen.Add(BinaryPrimitives.ReadUInt16BigEndian(_rig.Frame(0)[18..])));
        }
    }

    [Theory]
    [InlineData(Encapsulation.Gue)]
    [InlineData(Encapsulation.Gre)]
    public void ATagKeepsItsPriorityBeforeAnyHeader(Encapsulation encapsulation)
    {
        Service(vip6: false, rip6: false, vlan: 20, encapsulation);
        byte[] sent = Client(v6: false, vlan: 10);
        sent[14] |= 0xA0;
        _rig.Run(0, sent);
        Assert.Equal("8100A0140800", Convert.ToHexString(_rig.Frame(0)[12..18]));
    }

    [Theory]
    [InlineData(0, 20)]
    [InlineData(10, 20)]
    [InlineData(10, 0)]
    public void TagsAreThoseOfTheServersInterface(int clientVlan, int serverVlan)
    {
        Service(vip6: false, rip6: true, (ushort)serverVlan);
        byte[] sent = Client(v6: false, vlan: clientVlan);
        _rig.Run(0, sent);
        ReadOnlySpan<byte> forwarded = _rig.Frame(0);
        int l3 = serverVlan == 0 ? 14 : 18;
        Assert.Equal(serverVlan == 0 ? 0x86DD : 0x8100, BinaryPrimitives.ReadUInt16BigEndian(forwarded[12..]));
        Assert.Equal(0x86DD, BinaryPrimitives.ReadUInt16BigEndian(forwarded[(l3 - 2)..]));
        Assert.Equal(serverVlan, serverVlan == 0 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(forwarded[14..]));
        byte[] inner = Hopped(Ip.Of(sent, clientVlan == 0 ? 14 : 18));
        Assert.Equal(Outer(rip6: true, inner, 0, false, 0), forwarded[l3..].ToArray());
    }

    [Fact]
    public void EthernetPaddingStaysBehind()
    {
        Service(vip6: false, rip6: false);
        byte[] sent = Client(v6: false, payloadBytes: 0);
        _rig.Run(0, [.. sent, 0, 0, 0, 0, 0, 0]);
        Assert.Equal(14 + 20 + 40, _rig.Frame(0).Length);
    }

    [Theory]
    [InlineData(false, false, 1480)]
    [InlineData(false, true, 1460)]
    [InlineData(true, false, 1480)]
    [InlineData(true, true, 1460)]
    public void WhatDoesNotFitWithItsHeaderIsRefused(bool vip6, bool rip6, int mtuBytes)
    {
        Service(vip6, rip6);
        int headers = (vip6 ? 40 : 20) + 20;
        _rig.Run(0, Client(vip6, payloadBytes: mtuBytes - headers), Client(vip6, payloadBytes: mtuBytes - headers + 1));
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        Assert.Equal(14 + 1500, _rig.Frame(0).Length);
        Assert.Equal(Verdict.Refuse, _rig.Burst->VerdictOf(1));
        Assert.Equal(DropReason.TooBig, (DropReason)_rig.Burst->Reason[1]);
        Assert.Equal((uint)mtuBytes, _rig.Burst->NextHop[1]);
        Assert.Equal(Client(vip6, payloadBytes: mtuBytes - headers + 1), _rig.Frame(1).ToArray());
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    public void WhatHasComeTooFarIsRefused(bool vip6, int ttl)
    {
        Service(vip6, rip6: false);
        _rig.Run(0, Client(vip6, ttl: ttl));
        Assert.Equal(Verdict.Refuse, _rig.Burst->VerdictOf(0));
        Assert.Equal(DropReason.TtlExpired, (DropReason)_rig.Burst->Reason[0]);
    }

    [Fact]
    public void WithoutTheServersMacItWaitsReady()
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, Dip);
        content.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, Rip, 1));
        content.Tunnel(1, Dip);
        _rig.Publish(content.Content);
        _rig.Run(0, Client(v6: false));
        Assert.Equal(Verdict.Wait, _rig.Burst->VerdictOf(0));
        Assert.Equal(1u, _rig.Burst->NextHop[0]);
        Assert.Equal(4, _rig.Frame(0)[14 + 9]);
    }

    [Fact]
    public void ServersOfAServiceMayDifferInMethod()
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, Dip);
        content.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, Rip, 1), (lan, "172.16.58.8", 1));
        content.Tunnel(2, Dip);
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
        byte[][] sent = [.. Enumerable.Range(1, 32).Select(p => Frames.L4("172.16.0.9", p, Vip, 80, tcpFlags: Wire.Syn))];
        _rig.Run(0, sent);
        int[] tunnelled = [.. Enumerable.Range(0, 32).Where(i => _rig.Frame(i)[14 + 9] == 4)];
        Assert.InRange(tunnelled.Length, 6, 26);
        Assert.All(Enumerable.Range(0, 32), i => Assert.Equal(tunnelled.Contains(i) ? 2u : 1u, _rig.Burst->Server[i]));
        Assert.Equal(32UL, _rig.Counters.ForwardedPackets);
        Assert.Equal((ulong)tunnelled.Length, _rig.State->Servers[2].Packets);
        Assert.Equal((ulong)tunnelled.Length * 50, _rig.State->Servers[2].Bytes);
    }
}
