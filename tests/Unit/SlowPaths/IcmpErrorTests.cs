using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

public sealed class IcmpErrorTests : IDisposable
{
    private const string Own = "10.0.0.2", Vip = "10.0.0.100", Client = "192.0.2.50", Vip6 = "2001:db8::100", Client6 = "2001:db8:2::50", LinkLocal6 = "fe80::ff:fe00:1";
    private const ulong RouterMac = 0x3200_0000_0002;
    private readonly SlowPathRig _rig;

    public IcmpErrorTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own);
        builder.Interface(0, 100, "10.1.0.2");
        builder.Service(Vip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Service(Vip6, 80, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        _rig = new SlowPathRig(builder.Content);
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

    [Fact]
    public void ErrorsAreLimited()
    {
        for (int n = 0; n < 200; n++)
        {
            _rig.Refuse(Packet(Client, Vip, 10), DropReason.TooBig, 1_380);
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
