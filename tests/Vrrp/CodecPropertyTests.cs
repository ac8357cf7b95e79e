using CsCheck;

namespace Forwarder.Vrrp.Tests;

/// <summary>What holds for all bytes and all advertisements.</summary>
public class CodecPropertyTests
{
    private static readonly Gen<VrrpConfig> s_configs =
        from isIPv6 in Gen.Bool
        from isV2 in Gen.Bool
        from vrid in Gen.Int[1, 255]
        from priority in Gen.Int[1, 255]
        from interval in Gen.Int[1, 4095]
        from seconds in Gen.Int[1, 255]
        from count in Gen.Int[1, 255]
        from password in Gen.Byte.Array[1, 8]
        from messageOnly in Gen.Bool
        let v2 = isV2 && !isIPv6
        select new VrrpConfig
        {
            Version = v2 ? VrrpVersion.V2 : VrrpVersion.V3,
            Vrid = (byte)vrid,
            Priority = (byte)priority,
            IntervalCs = v2 ? seconds * 100 : interval,
            PrimaryAddress = VrrpAddress.Parse(isIPv6 ? "fe80::ffff" : "192.168.0.1"),
            Addresses = [.. Enumerable.Range(1, count).Select(i => VrrpAddress.Parse(isIPv6 ? $"fe80::{i:x}" : $"10.0.0.{i}"))],
            AuthType = v2 ? VrrpAuthType.SimpleText : VrrpAuthType.None,
            AuthData = v2 ? password : default,
            ChecksumForm = messageOnly && !v2 && !isIPv6 ? VrrpChecksumForm.MessageOnly : VrrpChecksumForm.PseudoHeader,
        };

    [Fact]
    public void What_is_encoded_is_decoded() => s_configs.Sample(
        config =>
        {
            Assert.Empty(config.Validate(9000));
            byte[] packet = Packets.Build(config, Peer(config), config.Priority);
            VrrpReceived received = new VrrpReceiver([config]).Receive(packet);
            Assert.Equal(VrrpDecodeError.None, received.Error);
            Assert.Equal(
                VrrpEvent.AdvertReceived(config.Version, config.Priority, config.IntervalCs, VrrpAddress.Parse(Peer(config))),
                received.Event);
        },
        iter: 2000);

    [Fact]
    public void Any_single_bit_turned_over_in_flight_is_noticed() => Gen.Select(s_configs, Gen.Int[0, 100_000]).Sample(
        (config, anywhere) =>
        {
            byte[] packet = Packets.Build(config, Peer(config), config.Priority);
            int first = config.IsIPv6 ? 32 : 0; // traffic class and flow label of IPv6 are covered by nothing
            int bit = first + (anywhere % ((packet.Length * 8) - first));
            packet[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(VrrpDecodeError.None, new VrrpReceiver([config]).Receive(packet).Error);
        },
        iter: 5000);

    [Fact]
    public void Random_bytes_never_throw_and_are_never_taken() => Gen.Byte.Array[0, 1600].Sample(
        bytes => Assert.NotEqual(VrrpDecodeError.None, Receiver().Receive(bytes).Error),
        iter: 20_000);

    [Fact]
    public void Random_messages_behind_a_good_ip_header_never_throw() =>
        Gen.Select(Gen.Byte.Array[0, 1200], Gen.Bool, Gen.Bool).Sample(
            (message, isV2, sumRight) =>
            {
                if (message.Length > 8)
                {
                    message[0] = isV2 ? (byte)0x21 : (byte)0x31;
                    message[1] = 20;
                    message[3] = (byte)((message.Length - (isV2 ? 16 : 8)) / 4);
                }

                byte[] packet = [.. Packets.Bytes(Packets.KeepalivedV3IPv4)[..20], .. message];
                packet[2] = (byte)(packet.Length >> 8);
                packet = Packets.WithIPv4Byte(packet, 3, (byte)packet.Length);
                if (sumRight && message.Length > 8)
                {
                    FixMessageSum(packet);
                }

                VrrpDecodeError error = Receiver().Receive(packet).Error;
                Assert.NotEqual(VrrpDecodeError.None, error);
                Assert.NotEqual(VrrpDecodeError.BadIpHeader, error);
            },
            iter: 20_000);

    [Fact]
    public void Damaged_packets_never_throw() =>
        Gen.Select(s_configs, Gen.Select(Gen.Int[0, 5000], Gen.Byte).Array[1, 4], Gen.Int[0, 5000]).Sample(
            (config, damage, cut) =>
            {
                byte[] packet = Packets.Build(config, Peer(config), config.Priority);
                foreach ((int at, byte value) in damage)
                {
                    packet[at % packet.Length] = value;
                }

                packet = packet[..(packet.Length - (cut % (packet.Length + 1)))];
                Assert.True(Enum.IsDefined(new VrrpReceiver([config]).Receive(packet).Error));
            },
            iter: 10_000);

    private static string Peer(VrrpConfig config) => config.IsIPv6 ? "fe80::fffe" : "192.168.0.2";

    private static VrrpReceiver Receiver() => new([Packets.V2Pass, Packets.V3IPv4, Packets.V3IPv6]);

    private static void FixMessageSum(byte[] packet)
    {
        packet[26] = 0;
        packet[27] = 0;
        uint sum = 0;
        for (int i = 20; i < packet.Length; i++)
        {
            sum += (i & 1) == 0 ? (uint)packet[i] << 8 : packet[i];
        }

        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        packet[26] = (byte)(~sum >> 8);
        packet[27] = (byte)~sum;
    }
}
