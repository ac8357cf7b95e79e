using System.Numerics;
using System.Runtime.Intrinsics.X86;

namespace Forwarder.Engine;

/// <summary>
/// SCTP's checksum (RFC 9260 section 6.8 and appendix A), as it lies in memory. By the CPU's crc32 instruction where there is one.
/// </summary>
public static unsafe class Crc32c
{
    /// <summary>Of a packet, whatever its checksum field holds.</summary>
    /// <param name="sctp">The common header.</param>
    /// <param name="bytes">Bytes from there on, the common header's at least.</param>
    public static uint Of(byte* sctp, int bytes)
    {
        uint crc = Step(uint.MaxValue, *(ulong*)sctp);
        crc = BitOperations.Crc32C(crc, 0u); // the field counts as 0
        byte* at = sctp + Wire.SctpHeaderBytes;
        int left = bytes - Wire.SctpHeaderBytes;
        for (; left >= sizeof(ulong); at += sizeof(ulong), left -= sizeof(ulong))
        {
            crc = Step(crc, *(ulong*)at);
        }

        for (; left > 0; at++, left--)
        {
            crc = BitOperations.Crc32C(crc, *at);
        }

        return ~crc;
    }

    /// <summary>
    /// What the checksum of a packet of so many bytes changes by when its first four, the ports, change by these bits: a CRC is
    /// linear, so the rest of the packet need not be read, and a wrong checksum stays wrong.
    /// </summary>
    public static uint Change(uint ports, int bytes)
    {
        uint crc = BitOperations.Crc32C(0, ports);
        int left = bytes - sizeof(uint);
        for (; left >= sizeof(ulong); left -= sizeof(ulong))
        {
            crc = Step(crc, 0);
        }

        for (; left > 0; left--)
        {
            crc = BitOperations.Crc32C(crc, (byte)0);
        }

        return crc;
    }

    private static uint Step(uint crc, ulong data) => Sse42.X64.IsSupported ? (uint)Sse42.X64.Crc32(crc, data) : BitOperations.Crc32C(crc, data);
}
