using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

public sealed class RefusalTests : IDisposable
{
    private const string Own = "10.0.0.2", Vip = "10.0.0.100", Client = "192.0.2.50", Vip6 = "2001:db8::100", Client6 = "2001:db8:2::50", LinkLocal6 = "fe80::ff:fe00:1";
    private const ulong RouterMac = 0x3200_0000_0002;
    private const uint Sequence = 0xFFFF_FFF0, Acknowledged = 0x1234_5678;
    private readonly SnapshotContent _content;
    private readonly SlowPathRig _rig;

    public RefusalTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own);
        builder.Interface(0, 100, "10.1.0.2");
        builder.Service(Vip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Service(Vip6, 80, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        _content = builder.Content;
        _rig = new SlowPathRig(_content);
    }

    public void Dispose()
    {
        Assert.Equal(0, _rig.Held);
        _rig.Dispose();
    }

    /// <summary>RFC 4443 section 2.4 (e): an error never causes another one, and a header in front does not hide it.</summary>
    [Theory]
    [InlineData(new byte[0], 58, 0)]
    [InlineData(new byte[] { 58, 0, 1, 4, 0, 0, 0, 0 }, 60, 0)]
    [InlineData(new byte[] { 60, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0 }, 0, 0)]
    [InlineData(new byte[] { 6, 0, 1, 4, 0, 0, 0, 0 }, 60, 1)]
    public void NoErrorAboutAnIcmpv6Error(byte[] extensions, int firstHeader, int errors)
    {
        byte[] frame = Packet(Client6, Vip6, 40);
        frame[20] = (byte)firstHeader;
        frame[19] += (byte)extensions.Length;
        _rig.Refuse([.. frame[..54], .. extensions, .. frame[54..]], DropReason.TtlExpired, 0);
        Assert.Equal(errors, _rig.Sent.Count);
        Assert.Equal([DropReason.TtlExpired], _rig.Drops);
    }

    private static byte[] Packet(string from, string to, int payloadBytes = 1_400, bool dontFragment = true, int vlan = 0)
    {
        byte[] frame = Frames.L4(from, 40000, to, 80, payloadBytes: payloadBytes, vlan: vlan, sourceMac: RouterMac);
        int l3 = vlan == 0 ? 14 : 18;
        frame[l3 + 6] = frame[l3] == 0x45 && dontFragment ? (byte)0x40 : frame[l3 + 6];
        return [.. frame[..l3], .. Ip.Finish(frame[l3..])];
    }

    [Theory]
    [InlineData(1_400, 0)]
    [InlineData(10, 0)]
    [InlineData(1_400, 100)]
    public void FragmentationNeededComesFromTheVip(int payloadBytes, int vlan)
    {
        byte[] refused = Packet(Client, Vip, payloadBytes, vlan: vlan);
        _rig.Refuse(refused, DropReason.TooBig, 1_380);
        byte[] quoted = refused[(vlan == 0 ? 14 : 18)..];
        quoted = quoted[..Math.Min(548, quoted.Length)];
        byte[] expected = Ip.Finish(Ip.V4(Vip, Client, 1, [3, 4, 0, 0, 0, 0, 1380 >> 8, 1380 & 0xFF, .. quoted], dontFragment: true));
        (int port, byte[] sent) = Assert.Single(_rig.Sent);
        Assert.Equal(0, port);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(sent[(vlan == 0 ? 14 : 18)..]));
        Assert.Equal(RouterMac, BitConverter.ToUInt64(sent) & Wire.MacMask);
        Assert.Equal(ContentBuilder.Mac(SlowPathRig.MacText), BitConverter.ToUInt64(sent, 6) & Wire.MacMask);
        Assert.Equal(vlan, vlan == 0 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(14)));
        Assert.Equal([DropReason.TooBig], _rig.Drops);
        Assert.Equal(1UL, _rig.Counters.ErrorsSent);
    }

    [Theory]
    [InlineData(1_400)]
    [InlineData(10)]
    public void PacketTooBigComesFromTheVip(int payloadBytes)
    {
        byte[] refused = Packet(Client6, Vip6, payloadBytes);
        _rig.Refuse(refused, DropReason.TooBig, 1_380);
        byte[] quoted = refused[14..][..Math.Min(1_232, refused.Length - 14)];
        byte[] expected = Ip.Finish(Ip.V6(Vip6, Client6, 58, [2, 0, 0, 0, 0, 0, 1380 >> 8, 1380 & 0xFF, .. quoted]));
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(Assert.Single(_rig.Sent).Frame[14..]));
    }

    [Fact]
    public void TimeExceeded()
    {
        byte[] refused = Packet(Client, Vip, 10, dontFragment: false), refused6 = Packet(Client6, Vip6, 10);
        _rig.Refuse(refused, DropReason.TtlExpired, 0);
        _rig.Refuse(refused6, DropReason.TtlExpired, 0);
        Assert.Equal(Ip.Finish(Ip.V4(Vip, Client, 1, [11, 0, 0, 0, 0, 0, 0, 0, .. refused[14..]], dontFragment: true)), _rig.Sent[0].Frame[14..]);
        Assert.Equal(Ip.Finish(Ip.V6(Vip6, Client6, 58, [3, 0, 0, 0, 0, 0, 0, 0, .. refused6[14..]])), _rig.Sent[1].Frame[14..]);
    }

    /// <summary>What is not for a VIP passes the director as a router: the error has the router's address.</summary>
    [Fact]
    public void AboutOtherPacketsTheErrorIsTheDirectorsOwn()
    {
        _rig.Refuse(Packet("10.0.0.11", Client, 10), DropReason.TtlExpired, 0);
        _rig.Refuse(Packet("2001:db8::11", Client6, 10), DropReason.TtlExpired, 0);
        Assert.Equal(System.Net.IPAddress.Parse(Own).GetAddressBytes(), _rig.Sent[0].Frame[26..30]);
        Assert.Equal(System.Net.IPAddress.Parse(LinkLocal6).GetAddressBytes(), _rig.Sent[1].Frame[22..38]);
    }

    /// <summary>RFC 4443 section 2.2, RFC 6724 section 5 rules 2, 5 and 8: a router passes nothing on that comes from a link-local address.</summary>
    [Theory]
    [InlineData("2001:db8::11", "2001:db8::2", "fd00::2 2001:db8::2", "2001:db8:0:1::2")]
    [InlineData("fd00:1::11", "fd00::2", "2001:db8::2 fd00::2", "")]
    [InlineData("2001:db8:0:1::11", "2001:db8::2", "2001:db8::2", "2001:db8:0:1::2")]   // the interface counts before the prefix
    [InlineData("2001:db8::11", "2001:db8:0:1::2", "", "2001:db8:0:1::2")]
    [InlineData("2001:db8::11", "2001:db8:0:1::2", "fe80::2", "2001:db8:0:1::2")]
    [InlineData("fe80::11", LinkLocal6, "2001:db8::2", "2001:db8:0:1::2")]
    [InlineData("2001:db8::11", LinkLocal6, "", "")]
    public void TheOwnAddressSuitsTheOneThatIsTold(string told, string from, string own, string ofAnotherInterface)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own), other = builder.Interface(0, 100, "10.1.0.2");
        foreach ((string addresses, ushort id) in ((string, ushort)[])[(ofAnotherInterface, other), (own, lan)])
        {
            Array.ForEach(addresses.Split(' ', StringSplitOptions.RemoveEmptyEntries), a => builder.Local(a, LocalAddressKind.Own, id));
        }

        builder.Local(Vip6, LocalAddressKind.Vip);
        using SlowPathRig rig = new(builder.Content);
        rig.Refuse(Packet(told, Client6, 10), DropReason.TooBig, 1_380);
        Assert.Equal(System.Net.IPAddress.Parse(from), new System.Net.IPAddress(Assert.Single(rig.Sent).Frame[22..38]));
    }

    [Fact]
    public void WithoutDontFragmentNobodyIsTold()
    {
        _rig.Refuse(Packet(Client, Vip, dontFragment: false), DropReason.TooBig, 1_380);
        Assert.Empty(_rig.Sent);
        Assert.Equal([DropReason.TooBig], _rig.Drops);
    }

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("127.0.0.1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("ff02::1")]
    public void NobodyIsToldAtAnAddressOfNoHost(string source)
    {
        _rig.Refuse(Packet(source, source.Contains(':', StringComparison.Ordinal) ? Vip6 : Vip), DropReason.TtlExpired, 0);
        Assert.Empty(_rig.Sent);
    }

    /// <summary>RFC 9293 section 3.10.7.1: the segment's own acknowledgement as sequence number, or an acknowledgement of all that it occupies.</summary>
    [Theory]
    [InlineData(Wire.Syn, 0, 0, Wire.Rst | Wire.Ack, 0, Sequence + 1)]
    [InlineData(Wire.Syn, 7, 0, Wire.Rst | Wire.Ack, 0, Sequence + 8)]      // data in a SYN (RFC 7413)
    [InlineData(Wire.Syn | Wire.Fin, 0, 0, Wire.Rst | Wire.Ack, 0, Sequence + 2)]
    [InlineData(Wire.Fin, 5, 0, Wire.Rst | Wire.Ack, 0, Sequence + 6)]
    [InlineData(0, 5, 12, Wire.Rst | Wire.Ack, 0, Sequence + 5)]            // options are no data
    [InlineData(Wire.Ack, 0, 0, Wire.Rst, Acknowledged, 0)]
    [InlineData(Wire.Syn | Wire.Ack, 0, 0, Wire.Rst, Acknowledged, 0)]
    [InlineData(Wire.Fin | Wire.Ack, 5, 0, Wire.Rst, Acknowledged, 0)]
    public void AClosedPortAnswersWithAReset(int flags, int dataBytes, int optionBytes, int expectedFlags, uint sequence, uint acknowledged)
    {
        byte[] expected = Segment(80, 40_000, sequence, acknowledged, expectedFlags, []);
        foreach ((string client, string vip) in ((string, string)[])[(Client, Vip), (Client6, Vip6)])
        {
            foreach (DropReason reason in (DropReason[])[DropReason.NoService, DropReason.NoServer])
            {
                foreach (int vlan in (int[])[0, 100])
                {
                    _rig.Sent.Clear();
                    byte[] segment = Segment(40_000, 80, Sequence, Acknowledged, flags, new byte[dataBytes], optionBytes);
                    _rig.Refuse([.. Framed(client, vip, Wire.Tcp, segment, vlan: vlan), 0, 0, 0], reason, 0); // padded, as Ethernet does
                    byte[] sent = Assert.Single(_rig.Sent).Frame;
                    Assert.Equal(Convert.ToHexString(Framed(vip, client, Wire.Tcp, expected, dontFragment: true)[14..]), Convert.ToHexString(sent[(vlan == 0 ? 14 : 18)..]));
                    Assert.Equal(RouterMac, BitConverter.ToUInt64(sent) & Wire.MacMask);
                    Assert.Equal(ContentBuilder.Mac(SlowPathRig.MacText), BitConverter.ToUInt64(sent, 6) & Wire.MacMask);
                    Assert.Equal(vlan, vlan == 0 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(sent.AsSpan(14)));
                }
            }
        }

        Assert.Equal((8UL, 8), (_rig.Counters.ErrorsSent, _rig.Drops.Count));
    }

    [Theory]
    [InlineData(Wire.Rst)]
    [InlineData(Wire.Rst | Wire.Ack)]
    [InlineData(Wire.Rst | Wire.Syn)]
    public void AResetIsNotAnswered(int flags)
    {
        _rig.Refuse(Framed(Client, Vip, Wire.Tcp, Segment(40_000, 80, Sequence, Acknowledged, flags, [])), DropReason.NoService, 0);
        _rig.Refuse(Framed(Client6, Vip6, Wire.Tcp, Segment(40_000, 80, Sequence, Acknowledged, flags, [])), DropReason.NoServer, 0);
        Assert.Empty(_rig.Sent);
        Assert.Equal([DropReason.NoService, DropReason.NoServer], _rig.Drops);
        Assert.Equal((0UL, 0UL), (_rig.Counters.ErrorsSent, _rig.Counters.ErrorsSuppressed));
    }

    /// <summary>IPv4 options and IPv6 extension headers are not sent back; they are between the addresses and the segment.</summary>
    [Fact]
    public void HeadersBetweenAreSkipped()
    {
        byte[] segment = Segment(40_000, 80, Sequence, 0, Wire.Syn, []), expected = Segment(80, 40_000, 0, Sequence + 1, Wire.Rst | Wire.Ack, []);
        byte[] frame = Framed(Client, Vip, Wire.Tcp, [7, 7, 4, 0, 0, 0, 0, 0, .. segment]);
        frame[14] = 0x47;
        _rig.Refuse(frame, DropReason.NoService, 0);
        Assert.Equal(Framed(Vip, Client, Wire.Tcp, expected, dontFragment: true)[14..], Assert.Single(_rig.Sent).Frame[14..]);

        _rig.Sent.Clear();
        byte[] headers = [60, 0, 1, 4, 0, 0, 0, 0, 6, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        _rig.Refuse(Framed(Client6, Vip6, 0, [.. headers, .. segment]), DropReason.NoService, 0);
        Assert.Equal(Framed(Vip6, Client6, Wire.Tcp, expected)[14..], Assert.Single(_rig.Sent).Frame[14..]);
    }

    /// <summary>RFC 1122 section 4.1.3.1, RFC 4443 section 3.1: code 3 and code 4.</summary>
    [Theory]
    [InlineData(DropReason.NoService)]
    [InlineData(DropReason.NoServer)]
    public void ADatagramGetsPortUnreachable(DropReason reason)
    {
        byte[] udp = [0x9C, 0x40, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4];
        byte[] refused = Framed(Client, Vip, Wire.Udp, udp), refused6 = Framed(Client6, Vip6, Wire.Udp, udp);
        _rig.Refuse(refused, reason, 0);
        _rig.Refuse(refused6, reason, 0);
        Assert.Equal(Ip.Finish(Ip.V4(Vip, Client, 1, [3, 3, 0, 0, 0, 0, 0, 0, .. refused[14..]], dontFragment: true)), _rig.Sent[0].Frame[14..]);
        Assert.Equal(Ip.Finish(Ip.V6(Vip6, Client6, 58, [1, 4, 0, 0, 0, 0, 0, 0, .. refused6[14..]])), _rig.Sent[1].Frame[14..]);
        Assert.Equal([reason, reason], _rig.Drops);
    }

    /// <summary>RFC 9260 section 8.4; golden cases have the kinds of chunks. Not of a part, whose checksum cannot be right.</summary>
    [Theory]
    [InlineData(0, 2)]
    [InlineData(1, 0)]
    public void AnAssociationThatIsNotThereIsAborted(int cutBytes, int told)
    {
        byte[] sctp = [0x9C, 0x40, 0, 53, 9, 8, 7, 6, 0, 0, 0, 0, 3, 0, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(sctp.AsSpan(8), Crc(sctp));
        byte[] abort = [0, 53, 0x9C, 0x40, 9, 8, 7, 6, 0, 0, 0, 0, 6, 1, 0, 4];
        BinaryPrimitives.WriteUInt32LittleEndian(abort.AsSpan(8), Crc(abort));
        const byte Options = 60;
        byte[] headers = [Wire.Sctp, 0, 1, 4, 0, 0, 0, 0];
        _rig.Refuse(Frames.Of(Ip.V4(Client, Vip, Wire.Sctp, sctp[..^cutBytes]), ContentBuilder.Mac(SlowPathRig.MacText), RouterMac), DropReason.NoService, 0);
        _rig.Refuse(Frames.Of(Ip.V6(Client6, Vip6, Options, [.. headers, .. sctp[..^cutBytes]]), ContentBuilder.Mac(SlowPathRig.MacText), RouterMac), DropReason.NoServer, 0);
        Assert.Equal(told, _rig.Sent.Count);
        if (told != 0)
        {
            Assert.Equal(Ip.V4(Vip, Client, Wire.Sctp, abort, dontFragment: true), _rig.Sent[0].Frame[14..]);
            Assert.Equal(Ip.V6(Vip6, Client6, Wire.Sctp, abort), _rig.Sent[1].Frame[14..]);
        }
    }

    private static unsafe uint Crc(byte[] sctp)
    {
        fixed (byte* at = sctp)
        {
            return Crc32c.Of(at, sctp.Length);
        }
    }

    /// <summary>Accept_Mode false (RFC 9568 section 6.1) makes a VIP no host, but its services are there.</summary>
    [Theory]
    [InlineData(DropReason.NoService, 0)]
    [InlineData(DropReason.NoServer, 2)]
    [InlineData(DropReason.TtlExpired, 2)]
    public void AVipThatTakesNoPacketsIsSilentAboutOtherPorts(DropReason reason, int told)
    {
        SnapshotContent content = _content;
        foreach (ref LocalAddress4Entry local in CollectionsMarshal.AsSpan(content.LocalAddresses4))
        {
            local.AcceptsNone = (byte)(local.Kind == LocalAddressKind.Vip ? 1 : 0);
        }

        foreach (ref LocalAddress6Entry local in CollectionsMarshal.AsSpan(content.LocalAddresses6))
        {
            local.AcceptsNone = (byte)(local.Kind == LocalAddressKind.Vip ? 1 : 0);
        }

        _rig.Publish(content);
        _rig.Sent.Clear();
        _rig.Refuse(Packet(Client, Vip, 10), reason, 0);
        _rig.Refuse(Packet(Client6, Vip6, 10), reason, 0);
        Assert.Equal(told, _rig.Sent.Count);
        Assert.Equal([reason, reason], _rig.Drops);
    }

    private static byte[] Segment(int from, int to, uint sequence, uint acknowledged, int flags, byte[] data, int optionBytes = 0)
    {
        byte[] tcp = [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, .. new byte[16], .. Enumerable.Repeat((byte)1, optionBytes), .. data];
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(4), sequence);
        BinaryPrimitives.WriteUInt32BigEndian(tcp.AsSpan(8), acknowledged);
        (tcp[12], tcp[13]) = ((byte)((20 + optionBytes) << 2), (byte)flags);
        return tcp;
    }

    private static byte[] Framed(string from, string to, byte protocol, byte[] payload, bool dontFragment = false, int vlan = 0)
    {
        byte[] ip = to.Contains(':', StringComparison.Ordinal) ? Ip.V6(from, to, protocol, payload) : Ip.V4(from, to, protocol, payload, dontFragment: dontFragment);
        return Frames.Of(protocol == 0 ? ip : Ip.Finish(ip), ContentBuilder.Mac(SlowPathRig.MacText), RouterMac, vlan);
    }

    [Fact]
    public void ErrorsAreLimited()
    {
        for (int n = 0; n < 200; n++)
        {
            _rig.Refuse(Packet(Client, Vip, 10), n % 2 == 0 ? DropReason.TooBig : DropReason.NoService, 1_380);
        }

        Assert.Equal(50UL, _rig.Counters.ErrorsSent);
        Assert.Equal(150UL, _rig.Counters.ErrorsSuppressed);
        Assert.Equal(200, _rig.Drops.Count);
        for (int n = 0; n < 1_000; n++)
        {
            _rig.Pass(5);
            _rig.Refuse(Packet(Client, Vip, 10), DropReason.TooBig, 1_380);
        }

        Assert.Equal(1_050UL, _rig.Counters.ErrorsSent);
    }
}
