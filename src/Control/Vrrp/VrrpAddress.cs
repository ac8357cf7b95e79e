using System.Buffers.Binary;
using System.Net;

namespace Forwarder.Vrrp;

/// <summary>An IPv4 or IPv6 address as a value, ordered as a number in network byte order.</summary>
public readonly record struct VrrpAddress
{
    private readonly UInt128 _bits;

    private VrrpAddress(UInt128 bits, bool isIPv6)
    {
        _bits = bits;
        IsIPv6 = isIPv6;
    }

    /// <summary>224.0.0.18 (RFC 9568 section 5.1.1.2).</summary>
    public static VrrpAddress GroupIPv4 { get; } = new(0xE000_0012, false);

    /// <summary>ff02::12 (RFC 9568 section 5.1.2.2).</summary>
    public static VrrpAddress GroupIPv6 { get; } = new(new UInt128(0xFF02_0000_0000_0000, 0x12), true);

    public bool IsIPv6 { get; }

    /// <summary>4 or 16 bytes.</summary>
    public int Bytes => SizeOf(IsIPv6);

    public static int SizeOf(bool isIPv6) => isIPv6 ? 16 : 4;

    public static VrrpAddress Group(bool isIPv6) => isIPv6 ? GroupIPv6 : GroupIPv4;

    /// <summary>Reads the first 4 or 16 bytes.</summary>
    public static VrrpAddress Read(ReadOnlySpan<byte> source, bool isIPv6) => isIPv6
        ? new VrrpAddress(BinaryPrimitives.ReadUInt128BigEndian(source), true)
        : new VrrpAddress(BinaryPrimitives.ReadUInt32BigEndian(source), false);

    public static VrrpAddress From(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return Read(address.GetAddressBytes(), address.GetAddressBytes().Length == 16);
    }

    public static VrrpAddress Parse(string text) => From(IPAddress.Parse(text));

    public static bool TryParse(string? text, out VrrpAddress address)
    {
        bool good = IPAddress.TryParse(text, out IPAddress? parsed);
        address = good ? From(parsed!) : default;
        return good;
    }

    /// <summary>Writes 4 or 16 bytes.</summary>
    public void Write(Span<byte> destination)
    {
        if (IsIPv6)
        {
            BinaryPrimitives.WriteUInt128BigEndian(destination, _bits);
        }
        else
        {
            BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)_bits);
        }
    }

    /// <summary>The tie-break of RFC 9568 section 6.4.3.</summary>
    public bool IsHigherThan(VrrpAddress other) => _bits > other._bits;

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes);
        return new IPAddress(bytes[..Bytes]).ToString();
    }
}
