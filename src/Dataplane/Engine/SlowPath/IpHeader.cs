using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>IP headers of packets that the director answers with.</summary>
internal static unsafe class IpHeader
{
    private const byte Ttl = 64;

    /// <summary>Writes an IPv4 header without options, don't-fragment set; returns where its payload starts.</summary>
    public static byte* Write4(byte* ip, int payloadBytes, byte protocol, uint source, uint destination)
    {
        *(uint*)ip = 0x45u | ((uint)Wire.Swap((ushort)(Wire.Ipv4Bytes + payloadBytes)) << 16);
        *(uint*)(ip + 4) = (uint)Wire.Ipv4DontFragment << 16;
        *(uint*)(ip + 8) = Ttl | ((uint)protocol << 8);
        *(uint*)(ip + 12) = source;
        *(uint*)(ip + 16) = destination;
        *(ushort*)(ip + 10) = Checksum.Fold(Checksum.Sum(ip, Wire.Ipv4Bytes));
        return ip + Wire.Ipv4Bytes;
    }

    /// <summary>Writes an IPv6 header; returns where its payload starts.</summary>
    public static byte* Write6(byte* ip, int payloadBytes, byte protocol, ulong sourceHigh, ulong sourceLow, ulong destinationHigh, ulong destinationLow)
    {
        *(uint*)ip = 0x60;
        *(uint*)(ip + 4) = Wire.Swap((ushort)payloadBytes) | ((uint)protocol << 16) | ((uint)Ttl << 24);
        (*(ulong*)(ip + 8), *(ulong*)(ip + 16)) = (sourceHigh, sourceLow);
        (*(ulong*)(ip + 24), *(ulong*)(ip + 32)) = (destinationHigh, destinationLow);
        return ip + Wire.Ipv6Bytes;
    }
}
