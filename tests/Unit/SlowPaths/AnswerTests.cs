using System.Net;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

public sealed class AnswerTests : IDisposable
{
    private const string Own = "10.0.0.2", Vip = "10.0.0.100", Client = "10.0.0.50", Own6 = "2001:db8::2", Vip6 = "2001:db8::100", Client6 = "2001:db8::50";
    private const ulong ClientMac = 0x3200_0000_0002;
    private static readonly ulong s_mac = ContentBuilder.Mac(SlowPathRig.MacText);
    private readonly SlowPathRig _rig;

    public AnswerTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own), tagged = builder.Interface(0, 100, "10.1.0.2");
        builder.Local(Own6, LocalAddressKind.Own, lan);
        builder.Service(Vip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Service(Vip6, 80, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        _rig = new SlowPathRig(builder.Content);
    }

    public void Dispose()
    {
        Assert.Equal(0, _rig.Held);
        _rig.Dispose();
    }

    [Theory]
    [InlineData(Vip, 0)]
    [InlineData(Own, 0)]
    [InlineData(Vip, 100)]
    [InlineData("10.1.0.2", 100)]
    public void AnswersArp(string address, int vlan)
    {
        _rig.Punt(Messages.Arp(1, Client, address, ClientMac, vlan));
        byte[] reply = Assert.Single(_rig.Sent).Frame;
        byte[] expected = Messages.Arp(2, address, Client, s_mac, vlan);
        BitConverter.GetBytes(ClientMac)[..6].CopyTo(expected, 0);
        BitConverter.GetBytes(ClientMac)[..6].CopyTo(expected, (vlan == 0 ? 14 : 18) + 18);
        Assert.Equal(expected, reply);
        Assert.Empty(_rig.ToTheHost);
    }

    /// <summary>An own address belongs to its interface; what else is asked for may be the host's business.</summary>
    [Theory]
    [InlineData("10.1.0.2", 0)]
    [InlineData("10.0.0.77", 0)]
    public void ArpForOthersGoesToTheHost(string address, int vlan)
    {
        byte[] request = Messages.Arp(1, Client, address, ClientMac, vlan);
        _rig.Punt(request);
        Assert.Empty(_rig.Sent);
        Assert.Equal(request, Assert.Single(_rig.ToTheHost));
    }

    [Fact]
    public void ArpRepliesGoToTheHostToo()
    {
        _rig.Punt(Messages.Arp(2, Client, Own, ClientMac));
        Assert.Single(_rig.ToTheHost);
    }

    [Fact]
    public void FramesOfAnUnknownVlanAreTheHosts()
    {
        _rig.Punt(Messages.Arp(1, Client, Vip, ClientMac, 7));
        Assert.Empty(_rig.Sent);
        Assert.Single(_rig.ToTheHost);
        _rig.HasHost = false;
        _rig.Punt(Messages.Arp(1, Client, Vip, ClientMac, 7));
        Assert.Equal([DropReason.UnknownVlan], _rig.Drops);
    }

    [Theory]
    [InlineData(Vip6, 0)]
    [InlineData(Own6, 0)]
    [InlineData("fe80::ff:fe00:1", 0)]
    [InlineData(Vip6, 100)]
    public void AnswersSolicitations(string address, int vlan)
    {
        _rig.Punt(Messages.Nd(135, Client6, SolicitedNode(address), address, ClientMac, 1, vlan: vlan));
        byte[] expected = Messages.Nd(136, address, Client6, address, s_mac, 2, flags: 0x60, vlan: vlan);
        BitConverter.GetBytes(ClientMac)[..6].CopyTo(expected, 0);
        Assert.Equal(expected, Assert.Single(_rig.Sent).Frame);
    }

    /// <summary>Duplicate address detection (RFC 4862 section 5.4.3) of somebody who wants our address: told to all nodes, not solicited.</summary>
    [Fact]
    public void DefendsAnAddressAgainstDuplicateAddressDetection()
    {
        _rig.Punt(Messages.Nd(135, "::", SolicitedNode(Vip6), Vip6, ClientMac, 0));
        Assert.Equal(Messages.Nd(136, Vip6, "ff02::1", Vip6, s_mac, 2, flags: 0x20), Assert.Single(_rig.Sent).Frame);
    }

    [Fact]
    public void SolicitationsForOthersGoToTheHost()
    {
        _rig.Punt(Messages.Nd(135, Client6, SolicitedNode("2001:db8::77"), "2001:db8::77", ClientMac, 1));
        Assert.Empty(_rig.Sent);
        Assert.Single(_rig.ToTheHost);
    }

    public static TheoryData<string, byte[]> BadNeighbourMessages()
    {
        byte[] zeroOption = Messages.Icmpv6(Client6, SolicitedNode(Vip6), ClientMac, [135, 0, 0, 0, 0, 0, 0, 0, .. IPAddress.Parse(Vip6).GetAddressBytes(), 1, 0, 0, 0, 0, 0, 0, 0], 255);
        byte[] longOption = Messages.Icmpv6(Client6, SolicitedNode(Vip6), ClientMac, [135, 0, 0, 0, 0, 0, 0, 0, .. IPAddress.Parse(Vip6).GetAddressBytes(), 1, 9, 0, 0, 0, 0, 0, 0], 255);
        byte[] badSum = Messages.Nd(135, Client6, SolicitedNode(Vip6), Vip6, ClientMac, 1);
        badSum[56] ^= 1;
        byte[] shortIcmp = Messages.Icmpv6(Client6, SolicitedNode(Vip6), ClientMac, [135, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xD, 0xB8], 255);
        byte[] arpHardware = Messages.Arp(1, Client, Vip, ClientMac);
        arpHardware[15] = 6;
        return new()
        {
            { "hop limit below 255", Messages.Nd(135, Client6, SolicitedNode(Vip6), Vip6, ClientMac, 1, hopLimit: 254) },
            { "multicast target", Messages.Nd(135, Client6, SolicitedNode(Vip6), "ff02::1", ClientMac, 1) },
            { "option of length 0", zeroOption },
            { "option longer than the message", longOption },
            { "wrong checksum", badSum },
            { "cut off", shortIcmp },
            { "unspecified source with an address option", Messages.Nd(135, "::", SolicitedNode(Vip6), Vip6, ClientMac, 1) },
            { "unspecified source to no solicited-node group", Messages.Nd(135, "::", "ff02::1", Vip6, ClientMac, 0) },
            { "solicited advertisement to a group", Messages.Nd(136, Client6, "ff02::1", Client6, ClientMac, 2, flags: 0x60) },
            { "ARP of another hardware", arpHardware },
            { "ARP cut off", Messages.Arp(1, Client, Vip, ClientMac)[..40] },
        };
    }

    [Theory]
    [MemberData(nameof(BadNeighbourMessages))]
    public void MalformedMessagesAreCounted(string what, byte[] frame)
    {
        _rig.Punt(frame);
        Assert.True(_rig.Drops is [DropReason.NeighbourMessageBad], what);
        Assert.Empty(_rig.Sent);
    }

    [Fact]
    public void AnswersEcho()
    {
        _rig.Punt(Messages.Echo4(Client, Vip));
        byte[] reply = Assert.Single(_rig.Sent).Frame, expected = Messages.Echo4(Vip, Client, type: 0, destinationMac: 0x990000000002);
        Assert.Equal(s_mac, BitConverter.ToUInt64(reply, 6) & 0xFFFF_FFFF_FFFF);
        Assert.Equal(64, reply[22]);
        Assert.Equal(0, Messages.Fold(reply.AsSpan(14, 20)));
        Assert.Equal(expected[26..], reply[26..]);
    }

    [Fact]
    public void AnswersEcho6()
    {
        _rig.Punt(Messages.Icmpv6(Client6, Vip6, ClientMac, [128, 0, 0, 0, 0x12, 0x34, 0, 1, 1, 2, 3]));
        byte[] expected = Messages.Icmpv6(Vip6, Client6, s_mac, [129, 0, 0, 0, 0x12, 0x34, 0, 1, 1, 2, 3]);
        BitConverter.GetBytes(ClientMac)[..6].CopyTo(expected, 0);
        Assert.Equal(expected, Assert.Single(_rig.Sent).Frame);
    }

    [Fact]
    public void EchoForAnOwnAddressIsTheHosts()
    {
        _rig.Punt(Messages.Echo4(Client, Own));
        _rig.Punt(Messages.Icmpv6(Client6, Own6, ClientMac, [128, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal(2, _rig.ToTheHost.Count);
    }

    [Fact]
    public void OtherIcmpForAVipIsCounted()
    {
        byte[] bad = Messages.Echo4(Client, Vip);
        bad[60] ^= 0xFF;
        _rig.Punt(bad);
        _rig.Punt(Messages.Echo4(Client, Vip, type: 13));
        _rig.Punt(Messages.Icmpv6(Client6, Vip6, ClientMac, [200, 0, 0, 0, 0, 0, 0, 0]));
        Assert.Equal([DropReason.IcmpBad, DropReason.IcmpUnsupported, DropReason.IcmpUnsupported], _rig.Drops);
    }

    /// <summary>RFC 1122 section 3.3.6: a packet for one address in a frame for many is not answered; an answer to each would be a weapon.</summary>
    [Fact]
    public void PacketsForAVipInFramesForAllAreDropped()
    {
        _rig.Punt(Messages.Echo4(Client, Vip, destinationMac: 0xFFFF_FFFF_FFFF));
        byte[] echo6 = Messages.Icmpv6(Client6, Vip6, ClientMac, [128, 0, 0, 0, 0, 0, 0, 0]);
        echo6[0] = 0x33;
        _rig.Punt(echo6);
        Assert.Equal([DropReason.NotOurMac, DropReason.NotOurMac], _rig.Drops);
        Assert.Empty(_rig.Sent);
    }

    private static string SolicitedNode(string address) => $"ff02::1:ff{address.Split(':')[^1] switch { "1" when address.StartsWith("fe80", StringComparison.Ordinal) => "00:1", string tail => "00:" + tail }}";
}
