using System.Buffers.Binary;

namespace Forwarder.Vrrp;

/// <summary>
/// A received message, read in place. Only <see cref="VrrpCodec.Decode"/> makes one that says anything, after it has
/// checked length and checksum.
/// </summary>
public readonly ref struct VrrpAdvertView
{
    private readonly ReadOnlySpan<byte> _message;

    internal VrrpAdvertView(ReadOnlySpan<byte> message, bool isIPv6)
    {
        _message = message;
        IsIPv6 = isIPv6;
    }

    public bool IsIPv6 { get; }

    public VrrpVersion Version => (VrrpVersion)(_message[0] >> 4);

    public byte Vrid => _message[1];

    public byte Priority => _message[2];

    public int AddressCount => _message[3];

    /// <summary>Authentication type byte; zero in version 3, which has none.</summary>
    public byte AuthType => Version == VrrpVersion.V2 ? _message[4] : (byte)0;

    /// <summary>Eight bytes in version 2, none in version 3.</summary>
    public ReadOnlySpan<byte> AuthData => _message[(VrrpLimits.HeaderBytes + (AddressCount * VrrpAddress.SizeOf(IsIPv6)))..];

    /// <summary>Advertised interval in centiseconds. The four reserved bits are ignored (RFC 9568 section 5.2.6).</summary>
    public int IntervalCs => Version == VrrpVersion.V2
        ? _message[5] * VrrpLimits.CentisecondsPerSecond
        : BinaryPrimitives.ReadUInt16BigEndian(_message[4..]) & VrrpLimits.IntervalMaxCs;

    public VrrpAddress Address(int index)
    {
        int bytes = VrrpAddress.SizeOf(IsIPv6);
        return VrrpAddress.Read(_message.Slice(VrrpLimits.HeaderBytes + (index * bytes), bytes), IsIPv6);
    }
}
