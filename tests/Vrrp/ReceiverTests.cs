namespace Forwarder.Vrrp.Tests;

/// <summary>What a good packet must be to be acted upon by this instance.</summary>
public class ReceiverTests
{
    private const string Peer = "192.168.1.1";

    [Fact]
    public void Foreign_vrid()
    {
        Expect(VrrpDecodeError.BadVrid, Packets.V3IPv4, Packets.Build(Packets.V3IPv4 with { Vrid = 21 }, Peer), VrrpReceiver.NoInstance);
        Expect(VrrpDecodeError.BadVrid, Packets.V3IPv4, Packets.Build(Packets.V3IPv4 with { Vrid = 0 }, Peer), VrrpReceiver.NoInstance);

        // RFC 9568 section 7.1: the TTL and the checksum come first; a VRID that is not ours has no form of checksum that could differ from ours.
        byte[] oldForm = Packets.Build(Packets.V3IPv4 with { Vrid = 21, ChecksumForm = VrrpChecksumForm.MessageOnly }, Peer);
        Expect(VrrpDecodeError.BadVrid, Packets.V3IPv4, oldForm, VrrpReceiver.NoInstance);
        Expect(VrrpDecodeError.BadTtl, Packets.V3IPv4, Packets.WithIPv4Byte(oldForm, 8, 64), VrrpReceiver.NoInstance);
        Expect(VrrpDecodeError.BadChecksum, Packets.V3IPv4, [.. oldForm[..26], (byte)(oldForm[26] ^ 1), .. oldForm[27..]], VrrpReceiver.NoInstance);

        // The same VRID of the other family is another virtual router.
        Expect(VrrpDecodeError.BadVrid, Packets.V3IPv4, Packets.Build(Packets.V3IPv6 with { Vrid = 20 }, "fe80::1"), VrrpReceiver.NoInstance);
    }

    [Fact]
    public void Version_that_is_not_ours()
    {
        byte[] two = Packets.Build(Packets.V3IPv4 with { IntervalCs = 100 }, Peer, version: VrrpVersion.V2);
        Expect(VrrpDecodeError.VersionMismatch, Packets.V3IPv4, two);
        Expect(VrrpDecodeError.None, Packets.V3IPv4 with { AlsoVersion2 = true }, two);
        byte[] three = Packets.Build(Packets.V2Pass, Peer, version: VrrpVersion.V3);
        Expect(VrrpDecodeError.VersionMismatch, Packets.V2Pass, three);
        Expect(VrrpDecodeError.None, Packets.V3IPv4 with { AlsoVersion2 = true }, Packets.Build(Packets.V3IPv4, Peer));
    }

    [Fact]
    public void Authentication()
    {
        VrrpConfig none = Packets.V2Pass with { AuthType = VrrpAuthType.None, AuthData = default };
        Expect(VrrpDecodeError.AuthTypeMismatch, Packets.V2Pass, Packets.Build(none, Peer));
        Expect(VrrpDecodeError.AuthTypeMismatch, none, Packets.Build(Packets.V2Pass, Peer));
        Expect(VrrpDecodeError.None, none, Packets.Build(none, Peer));
        Expect(VrrpDecodeError.AuthFailure, Packets.V2Pass, Packets.Build(Packets.V2Pass with { AuthData = "ciscO"u8.ToArray() }, Peer));
        Expect(VrrpDecodeError.AuthFailure, Packets.V2Pass, Packets.Build(Packets.V2Pass with { AuthData = "cisco1"u8.ToArray() }, Peer));
        Expect(VrrpDecodeError.AuthTypeMismatch, Packets.V2Pass, Packets.Build(Packets.V2Pass with { AuthType = VrrpAuthType.AuthenticationHeader }, Peer));
        Expect(VrrpDecodeError.InvalidAuthType, Packets.V2Pass, Packets.Build(Packets.V2Pass with { AuthType = (VrrpAuthType)3 }, Peer));
    }

    [Fact]
    public void Eight_bytes_of_password_and_authentication_next_to_version_3()
    {
        VrrpConfig eight = Packets.V2Pass with { AuthData = "12345678"u8.ToArray() };
        Expect(VrrpDecodeError.None, eight, Packets.Build(eight, Peer));
        VrrpConfig both = Packets.V3IPv4 with { AlsoVersion2 = true, AuthType = VrrpAuthType.SimpleText, AuthData = "x"u8.ToArray() };
        Expect(VrrpDecodeError.None, both, Packets.Build(both, Peer));
        Expect(VrrpDecodeError.None, both, Packets.Build(both, Peer, version: VrrpVersion.V2));
        Expect(VrrpDecodeError.AuthTypeMismatch, both, Packets.Build(Packets.V3IPv4, Peer, version: VrrpVersion.V2));
    }

    [Fact]
    public void Interval()
    {
        byte[] three = Packets.Build(Packets.V2Pass with { IntervalCs = 300 }, Peer);
        Expect(VrrpDecodeError.IntervalMismatch, Packets.V2Pass, three);
        Expect(VrrpDecodeError.None, Packets.V2Pass with { LearnInterval = true }, three);
        Expect(VrrpDecodeError.None, Packets.V2Pass with { IntervalCs = 300 }, three);
        Expect(VrrpDecodeError.None, Packets.V3IPv4, Packets.Build(Packets.V3IPv4 with { IntervalCs = 4095 }, Peer));
        Expect(VrrpDecodeError.IntervalMismatch, Packets.V3IPv4, Packets.Build(Packets.V3IPv4 with { IntervalCs = 0 }, Peer));
        Expect(
            VrrpDecodeError.IntervalMismatch,
            Packets.V2Pass with { LearnInterval = true },
            Packets.Build(Packets.V2Pass with { IntervalCs = 0 }, Peer));
    }

    [Fact]
    public void Address_list()
    {
        VrrpConfig ours = Packets.V3IPv4;
        VrrpConfig reordered = ours with { Addresses = [ours.Addresses[2], ours.Addresses[0], ours.Addresses[1]] };
        Expect(VrrpDecodeError.None, ours, Packets.Build(reordered, Peer));
        VrrpConfig fewer = ours with { Addresses = [ours.Addresses[0]] };
        Expect(VrrpDecodeError.AddressListMismatch, ours, Packets.Build(fewer, Peer));
        Expect(VrrpDecodeError.AddressListMismatch, fewer, Packets.Build(ours, Peer));
        VrrpConfig other = ours with { Addresses = [ours.Addresses[0], ours.Addresses[1], VrrpAddress.Parse("10.0.0.1")] };
        Expect(VrrpDecodeError.AddressListMismatch, ours, Packets.Build(other, Peer));
        Expect(VrrpDecodeError.AddressListMismatch, ours, Packets.Build(other, Peer, 255));
        Expect(VrrpDecodeError.None, ours with { CheckAddressList = false }, Packets.Build(other, Peer));
        VrrpConfig twice = ours with { Addresses = [ours.Addresses[0], ours.Addresses[1], ours.Addresses[1]] };
        Expect(VrrpDecodeError.AddressListMismatch, ours, Packets.Build(twice, Peer));
    }

    [Fact]
    public void Destination_and_peers()
    {
        Expect(VrrpDecodeError.BadDestination, Packets.V3IPv4, Packets.Build(Packets.V3IPv4, Peer, target: "192.168.1.2"));
        VrrpConfig unicast = Packets.V3IPv4 with { UnicastPeers = [VrrpAddress.Parse(Peer)] };
        Expect(VrrpDecodeError.None, unicast, Packets.Build(unicast, Peer, target: "192.168.1.2"));
        Expect(VrrpDecodeError.BadDestination, unicast, Packets.Build(unicast, Peer));
        Expect(VrrpDecodeError.UnknownPeer, unicast, Packets.Build(unicast, "192.168.1.9", target: "192.168.1.2"));
        byte[] routed = Packets.WithIPv4Byte(Packets.Build(unicast, Peer, target: "192.168.1.2"), 8, 250);
        Expect(VrrpDecodeError.BadTtl, unicast, routed);
        Expect(VrrpDecodeError.None, unicast with { UnicastMinTtl = 250 }, routed);
        Expect(VrrpDecodeError.BadTtl, unicast with { UnicastMinTtl = 251 }, routed);

        // Without peers the lower TTL has no meaning.
        byte[] far = Packets.WithIPv4Byte(Packets.Build(Packets.V3IPv4, Peer), 8, 250);
        Expect(VrrpDecodeError.BadTtl, Packets.V3IPv4 with { UnicastMinTtl = 1 }, far);
    }

    private static void Expect(VrrpDecodeError expected, VrrpConfig config, byte[] packet, int instance = 0)
    {
        var receiver = new VrrpReceiver([config]);
        VrrpReceived received = receiver.Receive(packet);
        Assert.Equal(expected, received.Error);
        Assert.Equal(instance, received.Instance);
        Assert.Equal(expected == VrrpDecodeError.None ? VrrpEventKind.AdvertReceived : VrrpEventKind.None, received.Event.Kind);
        Assert.Equal(1, receiver.Count(expected));
    }
}
