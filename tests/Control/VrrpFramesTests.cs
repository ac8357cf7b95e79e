using System.Buffers.Binary;
using Forwarder.Vrrp;

namespace Forwarder.Control.Tests;

/// <summary>Source addresses of what VRRP sends: the port's MAC, or the virtual router's (RFC 9568 sections 7.2 and 7.3).</summary>
public sealed class VrrpFramesTests
{
    private const string PortMac = "0200000000AA";

    [Theory]
    [InlineData(false, false, 0, PortMac)]
    [InlineData(false, true, 0, "00005E000133")]
    [InlineData(false, true, 100, "00005E000133")]
    [InlineData(true, false, 0, PortMac)]
    [InlineData(true, true, 0, "00005E000233")]
    [InlineData(true, true, 100, "00005E000233")]
    public void AdvertisementsAndAnnouncementsComeFromTheGroupsMac(bool isIPv6, bool isVirtual, int vlan, string expected)
    {
        VrrpConfig config = Config(isIPv6, isVirtual);
        VrrpFrames frames = new([2, 0, 0, 0, 0, 0xAA], (ushort)vlan);
        byte[] advertisement = frames.Advertisement(config, 100, VrrpVersion.V3).ToArray(), announcement = frames.Announcement(config, config.Addresses[0]).ToArray();
        int l3 = vlan == 0 ? 14 : 18;
        Assert.Equal(isIPv6 ? "333300000012" : "01005E000012", Hex(advertisement, 0));
        Assert.Equal(expected, Hex(advertisement, 6));
        Assert.Equal(expected, Hex(announcement, 6));
        // The sender's hardware address of ARP, the option of a neighbour advertisement.
        Assert.Equal(expected, Hex(announcement, l3 + (isIPv6 ? 40 + 26 : 8)));
        Assert.Equal(vlan, vlan == 0 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(advertisement.AsSpan(14)));
    }

    /// <summary>Groups with and without a virtual MAC take turns on one port.</summary>
    [Fact]
    public void OneGroupDoesNotLendItsMacToAnother()
    {
        VrrpFrames frames = new([2, 0, 0, 0, 0, 0xAA], 0);
        foreach ((bool isVirtual, string expected) in new[] { (true, "00005E000133"), (false, PortMac), (true, "00005E000133") })
        {
            Assert.Equal(expected, Hex(frames.Advertisement(Config(false, isVirtual), 100, VrrpVersion.V3), 6));
            Assert.Equal(expected, Hex(frames.Announcement(Config(false, isVirtual), VrrpAddress.Parse("10.0.0.9")), 22));
        }
    }

    private static VrrpConfig Config(bool isIPv6, bool isVirtual) => new()
    {
        Vrid = 0x33, VirtualMac = isVirtual, Addresses = [VrrpAddress.Parse(isIPv6 ? "fe80::9" : "10.0.0.9")], PrimaryAddress = VrrpAddress.Parse(isIPv6 ? "fe80::1" : "10.0.0.1"),
    };

    private static string Hex(ReadOnlySpan<byte> frame, int at) => Convert.ToHexString(frame.Slice(at, 6));
}
