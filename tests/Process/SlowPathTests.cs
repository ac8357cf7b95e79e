using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>What the dataplane answers by itself, over a real port: ARP, neighbour discovery, echo, waiting packets.</summary>
public sealed class SlowPathTests : IDisposable
{
    private const string Own6 = "2001:db8::2", Vip6 = "2001:db8::100", Client6 = "2001:db8::50", Server6 = "2001:db8::11", LinkLocal = "fe80::ff:fe00:1";
    private const string Own100 = "10.1.0.2", Server100 = "10.1.0.11", Vip100 = "10.0.0.101";
    private const int Vlan = 100;
    private const ulong ClientMac = 0x3200_0000_0002, ServerMac = 0x0B00_0000_0002;
    private readonly Bed _bed = new();

    public SlowPathTests()
    {
        _bed.StartAndWait();
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Lan.Own), tagged = builder.Interface(0, Vlan, Own100);
        builder.Local(Own6, LocalAddressKind.Own, lan);
        builder.Service(Lan.Vip, Lan.HttpPort, Wire.Tcp, servers: [(lan, Lan.Servers[0], 1)]);
        builder.Service(Lan.Vip, 53, Wire.Udp, servers: [(lan, Lan.Servers[0], 1)]);
        builder.Service(Vip6, Lan.HttpPort, Wire.Tcp, servers: [(lan, Server6, 1)]);
        builder.Service(Vip100, Lan.HttpPort, Wire.Tcp, servers: [(tagged, Server100, 1)]);
        _bed.Publish(builder.Content);
    }

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData(Lan.Vip, 0)]
    [InlineData(Lan.Own, 0)]
    [InlineData(Lan.Vip, Vlan)]
    [InlineData(Own100, Vlan)]
    public void AnswersArp(string address, int vlan)
    {
        _bed.Wire.Send(Messages.Arp(1, Lan.Client, address, ClientMac, vlan));
        int arp = vlan == 0 ? 14 : 18;
        byte[] reply = _bed.Wire.Receive(f => IsArp(f, vlan, operation: 2), "ARP reply");
        byte[] expected = Messages.Arp(2, address, Lan.Client, Bed.DataplaneMac, vlan);
        BinaryPrimitives.WriteUInt32LittleEndian(expected, unchecked((uint)ClientMac));
        BinaryPrimitives.WriteUInt16LittleEndian(expected.AsSpan(4), (ushort)(ClientMac >> 32));
        expected.AsSpan(0, 6).CopyTo(expected.AsSpan(arp + 18));
        Assert.Equal(expected, reply);
    }

    [Theory]
    [InlineData(Vip6, "ff02::1:ff00:100", 0)]
    [InlineData(Own6, "ff02::1:ff00:2", 0)]
    [InlineData(LinkLocal, "ff02::1:ff00:1", 0)]
    [InlineData(Vip6, Vip6, 0)]
    [InlineData(Vip6, "ff02::1:ff00:100", Vlan)]
    public void AnswersSolicitations(string address, string destination, int vlan)
    {
        _bed.Wire.Send(Messages.Nd(135, Client6, destination, address, ClientMac, 1, vlan: vlan));
        byte[] reply = _bed.Wire.Receive(f => IsNd(f, vlan, 136) && Lan.Destination(f) == ClientMac, "neighbour advertisement");
        Assert.Equal(Messages.Nd(136, address, Client6, address, Bed.DataplaneMac, 2, flags: 0x60, vlan: vlan)[6..], reply[6..]);
    }

    [Fact]
    public void DefendsItsAddressesAgainstDuplicateAddressDetection()
    {
        // Our own announcements of the VIP look the same: the own address has none.
        _bed.Wire.Send(Messages.Nd(135, "::", "ff02::1:ff00:2", Own6, ClientMac, 0));
        byte[] expected = Messages.Nd(136, Own6, "ff02::1", Own6, Bed.DataplaneMac, 2, flags: 0x20);
        Assert.NotNull(_bed.Wire.Receive(f => f.AsSpan().SequenceEqual(expected), "advertisement to all nodes"));
    }

    /// <summary>RFC 3810: a switch that snoops learns that the groups of the VIP and of our own address have a member here.</summary>
    [Fact]
    public void ReportsItsMulticastGroups()
    {
        foreach (byte last in (byte[])[0x00, 0x02])
        {
            byte[] report = _bed.Wire.Receive(f => f.Length == 90 && Lan.EtherType(f) == 0x86DD && f[62] == 143 && f[89] == last, $"report of group ...{last:x2}");
            Assert.Equal([0x33, 0x33, 0, 0, 0, 0x16], report[..6]);
        }
    }

    [Fact]
    public void AnswersEchoOfEachSize()
    {
        foreach (int payloadBytes in (int[])[0, 1, 56, 1472])
        {
            _bed.Wire.Send(Messages.Echo4(Lan.Client, Lan.Vip, payloadBytes: payloadBytes));
            byte[] reply = _bed.Wire.Receive(f => f.Length >= 42 && Lan.EtherType(f) == 0x0800 && f[23] == Wire.Icmp, $"echo reply of {payloadBytes} bytes");
            byte[] expected = Messages.Echo4(Lan.Vip, Lan.Client, type: 0, payloadBytes: payloadBytes);
            Assert.Equal(expected[34..], reply[34..expected.Length]);
            Assert.Equal(0, Messages.Fold(reply.AsSpan(14, 20)));
        }

        byte[] request = [128, 0, 0, 0, 0x12, 0x34, 0, 1, 1, 2, 3];
        _bed.Wire.Send(Messages.Icmpv6(Client6, Vip6, ClientMac, request));
        byte[] reply6 = _bed.Wire.Receive(f => IsNd(f, 0, 129), "ICMPv6 echo reply");
        request[0] = 129;
        Assert.Equal(Messages.Icmpv6(Vip6, Client6, Bed.DataplaneMac, request)[6..], reply6[6..]);
        Wait.Until(() => _bed.Region.Process.SlowPath.EchoAnswered == 5, "echoes are counted");
    }

    [Fact]
    public void ForwardsTaggedFramesToATaggedServer()
    {
        byte[] sent = Frames.L4(Lan.Client, 1000, Vip100, Lan.HttpPort, tcpFlags: Wire.Syn, vlan: Vlan, destinationMac: Bed.DataplaneMac, sourceMac: ClientMac);
        _bed.Wire.Send(sent);
        byte[] received = _bed.Wire.Receive(f => f.Length == sent.Length && IsTagged(f, Vlan, 0x0800), "the tagged segment", AnswerTagged);
        Assert.Equal((ServerMac, Bed.DataplaneMac), (Lan.Destination(received), Lan.Source(received)));
        Assert.Equal(sent[12..], received[12..]);
    }

    /// <summary>A client on the untagged network, a server on the tagged one: the tag is put in, the rest stays.</summary>
    [Fact]
    public void PutsTheServersTagIn()
    {
        byte[] sent = Frames.L4(Lan.Client, 1001, Vip100, Lan.HttpPort, tcpFlags: Wire.Syn, destinationMac: Bed.DataplaneMac, sourceMac: ClientMac);
        _bed.Wire.Send(sent);
        byte[] received = _bed.Wire.Receive(f => f.Length == sent.Length + 4 && IsTagged(f, Vlan, 0x0800), "the segment with a tag", AnswerTagged);
        Assert.Equal(sent[12..], received[16..]);
    }

    [Fact]
    public void ForwardsIpv6AndUdp()
    {
        byte[] segment = Frames.L4(Client6, 1000, Vip6, Lan.HttpPort, tcpFlags: Wire.Syn, destinationMac: Bed.DataplaneMac, sourceMac: ClientMac);
        _bed.Wire.Send(segment);
        byte[] received = _bed.Wire.Receive(f => f.Length == segment.Length && IsIpv6(f, Wire.Tcp), "the IPv6 segment", AnswerSolicitation);
        Assert.Equal((ServerMac, Bed.DataplaneMac), (Lan.Destination(received), Lan.Source(received)));
        Assert.Equal(segment[12..], received[12..]);

        byte[] datagram = Frames.L4(Lan.Client, 1000, Lan.Vip, 53, Wire.Udp, destinationMac: Bed.DataplaneMac, sourceMac: ClientMac, payloadBytes: 100);
        _bed.Wire.Send(datagram);
        received = _bed.Wire.Receive(f => f.Length == datagram.Length && Lan.EtherType(f) == 0x0800 && f[23] == Wire.Udp, "the datagram", f => Lan.AnswerArp(_bed.Wire, f));
        Assert.Equal(datagram[12..], received[12..]);
        Assert.Equal([4, 6], FlowQuery.All(_bed.Region).Select(f => (int)f.IpVersion).Order());
    }

    /// <summary>The first packets of a flow wait for the neighbour, in order; the ninth does not fit and is counted.</summary>
    [Fact]
    public void PacketsWaitForTheirNeighbourAndLeaveInOrder()
    {
        for (int port = 3000; port < 3009; port++)
        {
            _bed.Wire.Send(Lan.Segment(port));
        }

        Wait.Until(() => _bed.Drops(DropReason.NeighbourQueueFull) == 1, "the ninth packet is counted");
        List<int> ports = [];
        _bed.Wire.TryReceive(f => IsSegment(f, ports) && ports.Count == 8, f => Lan.AnswerArp(_bed.Wire, f), 5_000);
        Assert.Equal(Enumerable.Range(3000, 8), ports);
    }

    [Fact]
    public void PacketsForASilentServerAreCounted()
    {
        _bed.Wire.Send(Lan.Segment(3000));
        _bed.Wire.Send(Lan.Segment(3001));
        Wait.Until(() => _bed.Drops(DropReason.NeighbourTimeout) == 2, "both packets are counted");
        Assert.Equal(2ul, _bed.Region.Process.SlowPath.QueuedForNeighbour);
        Assert.Equal(0ul, _bed.Region.Process.SlowPath.SentFromQueue);
    }

    private static bool IsSegment(byte[] frame, List<int> ports)
    {
        bool isSegment = frame.Length >= 54 && Lan.EtherType(frame) == 0x0800 && frame[23] == Wire.Tcp;
        if (isSegment)
        {
            ports.Add(BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34)));
        }

        return isSegment;
    }

    private static bool IsArp(byte[] frame, int vlan, int operation) =>
        vlan == 0 ? Lan.EtherType(frame) == 0x0806 && frame[21] == operation : IsTagged(frame, vlan, 0x0806) && frame[25] == operation;

    private static bool IsTagged(byte[] frame, int vlan, int etherType) =>
        frame.Length >= 18 && Lan.EtherType(frame) == 0x8100 && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(14)) == vlan && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16)) == etherType;

    private static bool IsIpv6(byte[] frame, byte protocol) => frame.Length >= 54 && Lan.EtherType(frame) == 0x86DD && frame[20] == protocol;

    private static bool IsNd(byte[] frame, int vlan, byte type) =>
        vlan == 0 ? IsIpv6(frame, Wire.Icmpv6) && frame[54] == type : IsTagged(frame, vlan, 0x86DD) && frame[24] == Wire.Icmpv6 && frame[58] == type;

    private void AnswerTagged(byte[] frame)
    {
        if (IsArp(frame, Vlan, 1))
        {
            _bed.Wire.Send(Messages.Arp(2, Server100, Own100, ServerMac, Vlan));
        }
    }

    private void AnswerSolicitation(byte[] frame)
    {
        if (IsNd(frame, 0, 135))
        {
            _bed.Wire.Send(Messages.Nd(136, Server6, LinkLocal, Server6, ServerMac, 2, flags: 0x60));
        }
    }
}
