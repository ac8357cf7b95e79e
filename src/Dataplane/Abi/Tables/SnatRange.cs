using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Forwarder.Abi;

/// <summary>Addresses as numbers, the first and the last of a range.</summary>
public readonly record struct SnatRange(UInt128 First, UInt128 Last)
{
    private const int AddressBitsMax = 128;

    /// <summary>The addresses of a prefix.</summary>
    public static SnatRange Of(IPNetwork prefix)
    {
        UInt128 first = Number(prefix.BaseAddress);
        int hostBits = (prefix.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 32 : AddressBitsMax) - prefix.PrefixLength;
        return new SnatRange(first, hostBits == AddressBitsMax ? UInt128.MaxValue : first | ((UInt128.One << hostBits) - 1));
    }

    /// <summary>One address.</summary>
    public static SnatRange Of(IPAddress address) => new(Number(address), Number(address));

    /// <summary>Whether another range is within this one.</summary>
    public bool Covers(SnatRange other) => First <= other.First && other.Last <= Last;

    private static UInt128 Number(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out int count);
        return count == 4 ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
