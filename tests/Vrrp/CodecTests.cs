namespace Forwarder.Vrrp.Tests;

/// <summary>Bytes against those of keepalived, and every way to be malformed.</summary>
public class CodecTests
{
    [Fact]
    public void Version_2_with_password_is_byte_for_byte_keepalived()
    {
        VrrpConfig sender = Packets.V2Pass with { PrimaryAddress = VrrpAddress.Parse("192.168.1.1") };
        Assert.Equal(Packets.KeepalivedV2Pass, Hex(Packets.Build(sender, "192.168.1.1", 200)));
        byte[] resigns = Packets.Build(sender, "192.168.1.1", 0);
        Assert.Equal(Packets.KeepalivedV2PassResigns[40..], Hex(resigns)[40..]);
    }

    [Fact]
    public void Version_3_over_IPv4_is_byte_for_byte_keepalived() =>
        Assert.Equal(Packets.KeepalivedV3IPv4, Hex(Packets.Build(Packets.V3IPv4, "192.168.1.1", 150)));

    [Fact]
    public void Version_3_over_IPv6_is_byte_for_byte_keepalived()
    {
        byte[] packet = Packets.Build(Packets.V3IPv6, "fe80::ff:fe00:1", 254);
        Assert.Equal("6c000000", Hex(packet)[..8]); // keepalived's kernel adds a flow label
        Assert.Equal(Packets.KeepalivedV3IPv6[8..], Hex(packet)[8..]);
    }

    [Theory]
    [InlineData(Packets.KeepalivedV2Pass, 0, 200, 100)]
    [InlineData(Packets.KeepalivedV2PassResigns, 0, 0, 100)]
    [InlineData(Packets.KeepalivedV3IPv4, 1, 150, 10)]
    [InlineData(Packets.KeepalivedV3IPv6, 2, 254, 1)]
    public void Packets_of_keepalived_are_understood(string hex, int instance, byte priority, int intervalCs)
    {
        VrrpReceived received = Receiver().Receive(Packets.Bytes(hex));
        Assert.Equal(VrrpDecodeError.None, received.Error);
        Assert.Equal(instance, received.Instance);
        Assert.Equal(VrrpEventKind.AdvertReceived, received.Event.Kind);
        Assert.Equal(priority, received.Event.Priority);
        Assert.Equal(intervalCs, received.Event.IntervalCs);
        Assert.Equal(instance == 2 ? "fe80::ff:fe00:1" : "192.168.1.1", received.Event.Source.ToString());
        Assert.Equal(instance == 0 ? VrrpVersion.V2 : VrrpVersion.V3, received.Event.Version);
    }

    [Fact]
    public void Message_only_checksum_has_the_known_value()
    {
        // Sum of the message of KeepalivedV3IPv4 without addresses of the IP header, worked out by hand:
        // 3114 + 9603 + 000a + 3 * 0a00 + 00fe + 00fc + 00fb = e816; complement 17e9.
        VrrpConfig sender = Packets.V3IPv4 with { ChecksumForm = VrrpChecksumForm.MessageOnly };
        Assert.Equal("17e9", Hex(Packets.Build(sender, "192.168.1.1", 150))[52..56]);
    }

    [Fact]
    public void Checksum_in_the_other_form_has_a_counter_of_its_own()
    {
        byte[] withPseudoHeader = Packets.Build(Packets.V3IPv4, "192.168.1.1");
        byte[] messageOnly = Packets.Build(Packets.V3IPv4 with { ChecksumForm = VrrpChecksumForm.MessageOnly }, "192.168.1.1");
        var expectsMessageOnly = new VrrpReceiver([Packets.V3IPv4 with { ChecksumForm = VrrpChecksumForm.MessageOnly }]);
        Assert.Equal(VrrpDecodeError.None, expectsMessageOnly.Receive(messageOnly).Error);
        Assert.Equal(VrrpDecodeError.ChecksumFormMismatch, expectsMessageOnly.Receive(withPseudoHeader).Error);
        Assert.Equal(VrrpDecodeError.ChecksumFormMismatch, Receiver().Receive(messageOnly).Error);
        messageOnly[^1] ^= 1;
        Assert.Equal(VrrpDecodeError.BadChecksum, Receiver().Receive(messageOnly).Error);
    }

    [Fact]
    public void IPv6_always_has_the_pseudo_header()
    {
        VrrpConfig config = Packets.V3IPv6 with { ChecksumForm = VrrpChecksumForm.MessageOnly };
        Assert.Equal(VrrpDecodeError.None, new VrrpReceiver([config]).Receive(Packets.Bytes(Packets.KeepalivedV3IPv6)).Error);
        byte[] otherSource = Packets.Bytes(Packets.KeepalivedV3IPv6);
        otherSource[23] ^= 2;
        Assert.Equal(VrrpDecodeError.BadChecksum, Receiver().Receive(otherSource).Error);
    }

    [Theory]
    [InlineData(254)]
    [InlineData(1)]
    [InlineData(0)]
    public void Ttl_below_255(byte ttl)
    {
        Expect(VrrpDecodeError.BadTtl, Packets.WithIPv4Byte(Packets.Bytes(Packets.KeepalivedV2Pass), 8, ttl));
        byte[] six = Packets.Bytes(Packets.KeepalivedV3IPv6);
        six[7] = ttl;
        Expect(VrrpDecodeError.BadTtl, six);
    }

    [Theory]
    [InlineData(0x01, VrrpDecodeError.BadVersion)]
    [InlineData(0x11, VrrpDecodeError.BadVersion)]
    [InlineData(0x41, VrrpDecodeError.BadVersion)]
    [InlineData(0xF1, VrrpDecodeError.BadVersion)]
    [InlineData(0x30, VrrpDecodeError.BadType)]
    [InlineData(0x32, VrrpDecodeError.BadType)]
    [InlineData(0x20, VrrpDecodeError.BadType)]
    public void Version_and_type(byte first, VrrpDecodeError expected)
    {
        byte[] packet = Packets.Bytes(Packets.KeepalivedV3IPv4);
        packet[20] = first;
        Expect(expected, packet);
    }

    [Fact]
    public void Version_2_over_IPv6_does_not_exist()
    {
        byte[] packet = Packets.Bytes(Packets.KeepalivedV3IPv6);
        packet[40] = 0x21;
        Expect(VrrpDecodeError.BadVersion, packet);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(19)]
    [InlineData(21)]
    [InlineData(24)]
    public void Length_that_does_not_fit_the_count(int messageBytes)
    {
        byte[] message = Packets.Bytes(Packets.KeepalivedV3IPv4)[20..];
        Array.Resize(ref message, messageBytes);
        Assert.Equal(VrrpDecodeError.BadLength, Decode(message));
    }

    [Fact]
    public void Eight_bytes_are_a_whole_header()
    {
        // An empty list is well-formed; that it is not our list is found later.
        byte[] packet = Packets.Build(Packets.V3IPv4 with { Addresses = [] }, "192.168.1.1");
        Expect(VrrpDecodeError.AddressListMismatch, packet);
    }

    [Fact]
    public void Ip_headers_that_do_not_hold_together()
    {
        byte[] good = Packets.Bytes(Packets.KeepalivedV2Pass);
        Expect(VrrpDecodeError.BadIpHeader, []);
        Expect(VrrpDecodeError.BadIpHeader, good[..19]);
        Expect(VrrpDecodeError.BadIpHeader, good[..^1]);
        Expect(VrrpDecodeError.BadIpHeader, Packets.WithIPv4Byte(good, 0, 0x44)); // header of 16 bytes
        Expect(VrrpDecodeError.BadIpHeader, Packets.WithIPv4Byte(good, 0, 0x55)); // IP version 5
        Expect(VrrpDecodeError.BadIpHeader, Packets.WithIPv4Byte(good, 3, 19)); // shorter than its header
        Expect(VrrpDecodeError.BadIpHeader, Packets.WithIPv4Byte(good, 6, 0x20)); // more fragments
        Expect(VrrpDecodeError.BadIpHeader, Packets.WithIPv4Byte(good, 7, 0x01)); // fragment offset
        Expect(VrrpDecodeError.NotVrrp, Packets.WithIPv4Byte(good, 9, 17));
        byte[] wrongSum = [.. good];
        wrongSum[4] ^= 1;
        Expect(VrrpDecodeError.BadIpHeader, wrongSum);
    }

    [Fact]
    public void Header_alone_is_a_packet_with_an_empty_message()
    {
        byte[] four = Packets.WithIPv4Byte(Packets.Bytes(Packets.KeepalivedV2Pass)[..20], 3, 20);
        Expect(VrrpDecodeError.BadLength, four);
        byte[] six = Packets.Bytes(Packets.KeepalivedV3IPv6)[..40];
        six[5] = 0;
        Expect(VrrpDecodeError.BadLength, six);
    }

    [Fact]
    public void Ip_options_are_skipped_and_dont_fragment_is_fine()
    {
        byte[] good = Packets.Bytes(Packets.KeepalivedV2Pass);
        byte[] options = [.. good[..20], 1, 1, 1, 0, .. good[20..]];
        options[0] = 0x46;
        Expect(VrrpDecodeError.None, Packets.WithIPv4Byte(options, 3, (byte)options.Length));
        Expect(VrrpDecodeError.None, Packets.WithIPv4Byte(good, 6, 0x40));
    }

    [Fact]
    public void IPv6_headers_that_do_not_hold_together()
    {
        byte[] good = Packets.Bytes(Packets.KeepalivedV3IPv6);
        Expect(VrrpDecodeError.BadIpHeader, good[..39]);
        Expect(VrrpDecodeError.BadIpHeader, good[..^1]);
        byte[] other = [.. good];
        other[6] = 58;
        Expect(VrrpDecodeError.NotVrrp, other);
    }

    [Fact]
    public void Padding_of_short_frames_is_ignored()
    {
        Expect(VrrpDecodeError.None, [.. Packets.Bytes(Packets.KeepalivedV3IPv4), .. new byte[6]]);
        Expect(VrrpDecodeError.None, [.. Packets.Bytes(Packets.KeepalivedV3IPv6), .. new byte[6]]);
    }

    [Fact]
    public void Each_byte_of_the_message_is_covered_by_the_checksum()
    {
        foreach (string hex in new[] { Packets.KeepalivedV2Pass, Packets.KeepalivedV3IPv4 })
        {
            byte[] good = Packets.Bytes(hex);
            for (int at = 21; at < good.Length; at++)
            {
                byte[] bad = [.. good];
                bad[at] ^= 0x40;
                VrrpDecodeError expected = at == 23 ? VrrpDecodeError.BadLength : VrrpDecodeError.BadChecksum;
                Assert.Equal(expected, Receiver().Receive(bad).Error);
            }
        }
    }

    [Fact]
    public void Reserved_bits_of_version_3_are_ignored_and_version_2_rounds_up_to_seconds()
    {
        VrrpAddress from = VrrpAddress.Parse("192.168.1.1");
        var message = new byte[20];
        VrrpCodec.Encode(message, Packets.V3IPv4.Advert(1, VrrpVersion.V3), from, VrrpAddress.GroupIPv4, VrrpChecksumForm.MessageOnly);
        message[4] |= 0xF0;
        int sum = ((message[6] << 8) | message[7]) - 0xF000; // one's complement subtraction
        sum = sum < 0 ? sum + 0xFFFF : sum;
        message[6] = (byte)(sum >> 8);
        message[7] = (byte)sum;
        var datagram = new VrrpDatagram(from, VrrpAddress.GroupIPv4, 255, message);
        Assert.Equal(VrrpDecodeError.None, VrrpCodec.Decode(datagram, VrrpChecksumForm.MessageOnly, 255, out VrrpAdvertView view));
        Assert.Equal(10, view.IntervalCs);
        Assert.Equal(0, view.AuthType);
        Assert.True(view.AuthData.IsEmpty);

        Assert.Equal(1, Packets.Build(Packets.V3IPv4, "192.168.1.1", version: VrrpVersion.V2)[25]);
        Assert.Equal(2, Packets.Build(Packets.V3IPv4 with { IntervalCs = 101 }, "192.168.1.1", version: VrrpVersion.V2)[25]);
        Assert.Equal(2, Packets.Build(Packets.V3IPv4 with { IntervalCs = 200 }, "192.168.1.1", version: VrrpVersion.V2)[25]);
    }

    [Fact]
    public void Macs()
    {
        Span<byte> mac = stackalloc byte[6];
        VrrpMac.WriteVirtual(mac, 0x2A, false);
        Assert.Equal("00005e00012a", Hex(mac));
        VrrpMac.WriteVirtual(mac, 0xFF, true);
        Assert.Equal("00005e0002ff", Hex(mac));
        VrrpMac.WriteGroup(mac, false);
        Assert.Equal("01005e000012", Hex(mac));
        VrrpMac.WriteGroup(mac, true);
        Assert.Equal("333300000012", Hex(mac));
    }

    [Fact]
    public void Addresses()
    {
        Assert.Equal("224.0.0.18", VrrpAddress.Group(false).ToString());
        Assert.Equal("ff02::12", VrrpAddress.Group(true).ToString());
        Assert.True(VrrpAddress.Parse("192.168.1.3").IsHigherThan(VrrpAddress.Parse("192.168.1.2")));
        Assert.True(VrrpAddress.Parse("192.168.1.1").IsHigherThan(VrrpAddress.Parse("10.255.255.255")));
        Assert.False(VrrpAddress.Parse("fe80::1").IsHigherThan(VrrpAddress.Parse("fe80::1")));
        Assert.True(VrrpAddress.Parse("fe80::1:0:0:0").IsHigherThan(VrrpAddress.Parse("fe80::ffff")));
        Assert.False(VrrpAddress.TryParse("no address", out _));
        Assert.False(VrrpAddress.TryParse(null, out _));
        Assert.True(VrrpAddress.TryParse("fe80::1", out VrrpAddress parsed));
        Assert.Equal(16, parsed.Bytes);
        Assert.Equal(4, VrrpAddress.GroupIPv4.Bytes);
        Assert.NotEqual(VrrpAddress.Parse("0.0.0.1"), VrrpAddress.Parse("::1"));
    }

    private static VrrpReceiver Receiver() => new([Packets.V2Pass, Packets.V3IPv4, Packets.V3IPv6]);

    private static void Expect(VrrpDecodeError expected, byte[] packet)
    {
        VrrpReceiver receiver = Receiver();
        Assert.Equal(expected, receiver.Receive(packet).Error);
        Assert.Equal(1, receiver.Count(expected));
    }

    private static VrrpDecodeError Decode(byte[] message)
    {
        var datagram = new VrrpDatagram(VrrpAddress.Parse("192.168.1.1"), VrrpAddress.GroupIPv4, 255, message);
        return VrrpCodec.Decode(datagram, VrrpChecksumForm.PseudoHeader, 255, out _);
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
