using System.Buffers.Binary;
using Forwarder.Vrrp;

namespace Forwarder.Fuzz.Tests;

/// <summary>VRRP packets that <see cref="Receivers"/> take, changed; checksums are made right again more often than not.</summary>
public static class VrrpMutator
{
    private static readonly byte[] s_edges = [0, 1, 2, 3, 4, 0x11, 0x21, 0x22, 0x31, 0x41, 0x45, 0x46, 0x60, 112, 254, 255];

    /// <summary>All versions, families and checksums; some that are lenient, so that changed packets come through.</summary>
    public static IReadOnlyList<VrrpConfig> Receivers { get; } =
    [
        new() { Version = VrrpVersion.V2, Vrid = 10, PrimaryAddress = Ip("192.168.1.2"), Addresses = [Ip("192.168.1.253"), Ip("192.168.1.252")], AuthType = VrrpAuthType.SimpleText, AuthData = "cisco"u8.ToArray() },
        new() { Version = VrrpVersion.V2, Vrid = 11, PrimaryAddress = Ip("192.168.1.2"), Addresses = [Ip("192.168.1.251")], LearnInterval = true, CheckAddressList = false },
        new() { Vrid = 20, IntervalCs = 10, PrimaryAddress = Ip("192.168.1.2"), Addresses = [Ip("10.0.0.254"), Ip("10.0.0.252"), Ip("10.0.0.251")] },
        new() { Vrid = 21, PrimaryAddress = Ip("192.168.1.2"), Addresses = [Ip("10.0.0.1")], ChecksumForm = VrrpChecksumForm.MessageOnly, CheckAddressList = false, AlsoVersion2 = true },
        new() { Vrid = 22, PrimaryAddress = Ip("192.168.1.2"), Addresses = [Ip("10.0.0.2")], UnicastPeers = [Ip("192.168.1.1")], UnicastMinTtl = 250, CheckAddressList = false },
        new() { Vrid = 30, IntervalCs = 1, PrimaryAddress = Ip("fe80::2"), Addresses = [Ip("fe80::30"), Ip("2001:db8::30")] },
        new() { Vrid = 31, PrimaryAddress = Ip("fe80::2"), Addresses = [Ip("fe80::31")], CheckAddressList = false },
    ];

    /// <summary>The next packet.</summary>
    public static byte[] Next(Random random, int bytesMax)
    {
        byte[] packet = random.Next(64) == 0 ? Noise(random) : Good(random);
        for (int n = random.Next(5); n > 0; n--)
        {
            packet = Change(random, packet);
        }

        packet = packet.Length > bytesMax ? packet[..bytesMax] : packet;
        if (random.Next(4) != 0)
        {
            MakeRight(packet, pseudo: random.Next(4) != 0);
        }

        return packet;
    }

    private static byte[] Noise(Random random)
    {
        byte[] packet = new byte[random.Next(200)];
        random.NextBytes(packet);
        return packet;
    }

    private static byte[] Good(Random random)
    {
        VrrpConfig sender = Receivers[random.Next(Receivers.Count)];
        VrrpVersion version = sender.AlsoVersion2 && random.Next(2) == 0 ? VrrpVersion.V2 : sender.Version;
        VrrpAddress from = Ip(sender.IsIPv6 ? "fe80::1" : "192.168.1.1");
        VrrpAddress to = sender.UnicastPeers.Count == 0 ? VrrpAddress.Group(sender.IsIPv6) : sender.PrimaryAddress;
        VrrpAdvert advert = sender.Advert((byte)random.Next(256), version);
        byte[] packet = new byte[VrrpIpPacket.PacketBytes(version, advert.Addresses.Count, sender.IsIPv6)];
        VrrpIpPacket.Build(packet, advert, from, to, sender.ChecksumForm, (ushort)random.Next(65_536));
        return packet;
    }

    private static byte[] Change(Random random, byte[] packet)
    {
        if (packet.Length == 0)
        {
            return [(byte)random.Next(256)];
        }

        int at = random.Next(packet.Length), head = HeadBytes(packet);
        switch (random.Next(9))
        {
            case 0: packet[at] ^= (byte)(1 << random.Next(8)); return packet;
            case 1: packet[at] = (byte)random.Next(256); return packet;
            case 2: packet[at] = s_edges[random.Next(s_edges.Length)]; return packet;
            case 3: return packet[..random.Next(packet.Length + 1)];
            case 4: return [.. packet, .. new byte[random.Next(1, 48)]];
            case 5: return [.. packet[..at], .. new byte[4 * random.Next(1, 5)], .. packet[at..]];
            case 6: return Byte(packet, head + random.Next(8), random.Next(2) == 0 ? (byte)random.Next(256) : s_edges[random.Next(s_edges.Length)]);
            case 7: return Addresses(random, packet, head);
            default: return Byte(packet, packet[0] >> 4 == 6 ? 7 : 8, (byte)random.Next(248, 256)); // TTL
        }
    }

    /// <summary>Another number of addresses, with room for them, and the IP length to fit; the count is off by a little now and then.</summary>
    private static byte[] Addresses(Random random, byte[] packet, int head)
    {
        if (packet.Length < head + 8)
        {
            return packet;
        }

        bool v6 = packet[0] >> 4 == 6;
        int count = random.Next(8) == 0 ? random.Next(256) : random.Next(4);
        byte[] message = new byte[8 + (count * (v6 ? 16 : 4)) + (packet[head] >> 4 == 2 ? 8 : 0)];
        packet.AsSpan(head, Math.Min(message.Length, packet.Length - head)).CopyTo(message);
        message[3] = (byte)(count + (random.Next(8) == 0 ? random.Next(-1, 2) : 0));
        packet = [.. packet[..head], .. message];
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(v6 ? 4 : 2), (ushort)(v6 ? message.Length : packet.Length));
        return packet;
    }

    private static void MakeRight(byte[] packet, bool pseudo)
    {
        int head = HeadBytes(packet);
        if (packet.Length < head + 8)
        {
            return;
        }

        bool v6 = packet[0] >> 4 == 6;
        if (!v6)
        {
            Put(packet, 10, packet.AsSpan(0, head), 0);
        }

        int end = Math.Clamp(v6 ? 40 + Word(packet, 4) : Word(packet, 2), head + 8, packet.Length);
        bool counts = packet[head] >> 4 == 3 && (v6 || pseudo);
        uint sum = counts ? VrrpRules.Sum(v6 ? packet.AsSpan(8, 32) : packet.AsSpan(12, 8)) + (uint)(end - head) + 112 : 0;
        Put(packet, head + 6, packet.AsSpan(head, end - head), sum);
    }

    private static void Put(byte[] packet, int at, ReadOnlySpan<byte> covered, uint sum)
    {
        packet[at] = packet[at + 1] = 0;
        sum += VrrpRules.Sum(covered);
        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(at), (ushort)~((sum & 0xFFFF) + (sum >> 16)));
    }

    private static int HeadBytes(byte[] packet) => packet.Length == 0 || packet[0] >> 4 != 6 ? Math.Max(20, packet.Length == 0 ? 0 : (packet[0] & 15) * 4) : 40;

    private static byte[] Byte(byte[] packet, int at, byte value)
    {
        if (at < packet.Length)
        {
            packet[at] = value;
        }

        return packet;
    }

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));

    private static VrrpAddress Ip(string text) => VrrpAddress.Parse(text);
}
