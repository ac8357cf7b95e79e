namespace Forwarder.Vrrp.Tests;

/// <summary>IP packets as keepalived 2.2.7 (Debian 12) put them on the wire, Ethernet header taken off.</summary>
internal static class Packets
{
    public const string KeepalivedV2Pass =
        "45c0002c00010000ff7018e5c0a80101e0000012" +
        "210ac80201014adac0a801fdc0a801fc636973636f000000";

    public const string KeepalivedV2PassResigns =
        "45c0002c00070000ff7018dfc0a80101e0000012" +
        "210a0002010112dbc0a801fdc0a801fc636973636f000000";

    public const string KeepalivedV3IPv4 =
        "45c0002800010000ff7018e9c0a80101e0000012" +
        "31149603000a75a80a0000fe0a0000fc0a0000fb";

    public const string KeepalivedV3IPv6 =
        "6c0374b7002870fffe800000000000000000" + "00fffe000001ff020000000000000000000000000012" +
        "311efe020001a714fe80000000000000000000000000003020010db8000000000000000000000030";

    public static byte[] Bytes(string hex) => Convert.FromHexString(hex);

    public static VrrpConfig V2Pass => new()
    {
        Version = VrrpVersion.V2,
        Vrid = 10,
        PrimaryAddress = VrrpAddress.Parse("192.168.1.2"),
        Addresses = [VrrpAddress.Parse("192.168.1.253"), VrrpAddress.Parse("192.168.1.252")],
        AuthType = VrrpAuthType.SimpleText,
        AuthData = "cisco"u8.ToArray(),
    };

    public static VrrpConfig V3IPv4 => new()
    {
        Vrid = 20,
        IntervalCs = 10,
        PrimaryAddress = VrrpAddress.Parse("192.168.1.2"),
        Addresses = [VrrpAddress.Parse("10.0.0.254"), VrrpAddress.Parse("10.0.0.252"), VrrpAddress.Parse("10.0.0.251")],
    };

    public static VrrpConfig V3IPv6 => new()
    {
        Vrid = 30,
        IntervalCs = 1,
        PrimaryAddress = VrrpAddress.Parse("fe80::2"),
        Addresses = [VrrpAddress.Parse("fe80::30"), VrrpAddress.Parse("2001:db8::30")],
    };

    /// <summary>An advertisement as that router would send it, from the given peer.</summary>
    public static byte[] Build(
        VrrpConfig sender, string source, byte priority = 200, string? target = null, VrrpVersion? version = null)
    {
        VrrpAddress from = VrrpAddress.Parse(source);
        VrrpAddress to = target is null ? VrrpAddress.Group(from.IsIPv6) : VrrpAddress.Parse(target);
        VrrpAdvert advert = sender.Advert(priority, version ?? sender.Version);
        var packet = new byte[VrrpIpPacket.PacketBytes(advert.Version, advert.Addresses.Count, from.IsIPv6)];
        int length = VrrpIpPacket.Build(packet, advert, from, to, sender.ChecksumForm, 1);
        Assert.Equal(packet.Length, length);
        return packet;
    }

    /// <summary>Sets a byte of an IPv4 packet and makes the IP header checksum right again.</summary>
    public static byte[] WithIPv4Byte(byte[] packet, int at, byte value)
    {
        byte[] changed = [.. packet];
        changed[at] = value;
        int headerBytes = Math.Min((changed[0] & 15) * 4, changed.Length);
        changed[10] = 0;
        changed[11] = 0;
        uint sum = 0;
        for (int i = 0; i + 1 < headerBytes; i += 2)
        {
            sum += (uint)((changed[i] << 8) | changed[i + 1]);
        }

        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        changed[10] = (byte)(~sum >> 8);
        changed[11] = (byte)~sum;
        return changed;
    }
}
