namespace Forwarder.Vrrp;

/// <summary>The Ethernet addresses of the protocol.</summary>
public static class VrrpMac
{
    public const int Bytes = 6;

    /// <summary>Virtual router MAC 00-00-5E-00-01-{VRID} or, for IPv6, 00-00-5E-00-02-{VRID} (RFC 9568 section 7.3).</summary>
    public static void WriteVirtual(Span<byte> destination, byte vrid, bool isIPv6)
    {
        ReadOnlySpan<byte> prefix = [0x00, 0x00, 0x5E, 0x00];
        prefix.CopyTo(destination);
        destination[4] = isIPv6 ? (byte)0x02 : (byte)0x01;
        destination[5] = vrid;
    }

    /// <summary>MAC of the group address: 01-00-5E-00-00-12 (RFC 1112) or 33-33-00-00-00-12 (RFC 2464).</summary>
    public static void WriteGroup(Span<byte> destination, bool isIPv6)
    {
        ReadOnlySpan<byte> ipv4 = [0x01, 0x00, 0x5E, 0x00, 0x00, 0x12];
        ReadOnlySpan<byte> ipv6 = [0x33, 0x33, 0x00, 0x00, 0x00, 0x12];
        (isIPv6 ? ipv6 : ipv4).CopyTo(destination);
    }

    /// <summary>The link-local address of a port's MAC address (RFC 4291 appendix A).</summary>
    public static VrrpAddress LinkLocal(IReadOnlyList<byte> mac) => VrrpAddress.Read(
        [0xFE, 0x80, 0, 0, 0, 0, 0, 0, (byte)(mac[0] ^ 0x02), mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]], isIPv6: true);
}
