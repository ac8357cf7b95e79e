using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>IP headers that the director makes: of its answers, and of packets that change their family.</summary>
internal static unsafe class IpHeader
{
    private const byte Ttl = 64;

    /// <summary>Writes an IPv4 header without options, don't-fragment set; returns where its payload starts.</summary>
    public static byte* Write4(byte* ip, int payloadBytes, byte protocol, uint source, uint destination) =>
        Write4(ip, 0, Wire.Ipv4Bytes + payloadBytes, (uint)Wire.Ipv4DontFragment << 16, Ttl, protocol, source, destination);

    /// <summary>Writes an IPv4 header without options; returns where its payload starts.</summary>
    public static byte* Write4(byte* ip, uint tos, int totalBytes, uint identificationAndFlags, uint ttl, byte protocol, uint source, uint destination)
    {
        *(uint*)ip = 0x45 | (tos << 8) | ((uint)Wire.Swap((ushort)totalBytes) << 16);
        *(uint*)(ip + 4) = identificationAndFlags;
        *(uint*)(ip + 8) = ttl | ((uint)protocol << 8);
        (*(uint*)(ip + 12), *(uint*)(ip + 16)) = (source, destination);
        *(ushort*)(ip + 10) = Checksum.Fold(Checksum.Sum(ip, Wire.Ipv4Bytes));
        return ip + Wire.Ipv4Bytes;
    }

    /// <summary>Writes an IPv6 header; returns where its payload starts.</summary>
    public static byte* Write6(byte* ip, int payloadBytes, byte protocol, ulong sourceHigh, ulong sourceLow, ulong destinationHigh, ulong destinationLow) =>
        Write6(ip, 0, payloadBytes, protocol, Ttl, sourceHigh, sourceLow, destinationHigh, destinationLow);

    /// <summary>Writes an IPv6 header; returns where its payload starts.</summary>
    public static byte* Write6(byte* ip, uint trafficClass, int payloadBytes, byte protocol, uint hopLimit, ulong sourceHigh, ulong sourceLow, ulong destinationHigh, ulong destinationLow)
    {
        *(uint*)ip = 0x60 | (trafficClass >> 4) | ((trafficClass & 0xF) << 12);
        *(uint*)(ip + 4) = Wire.Swap((ushort)payloadBytes) | ((uint)protocol << 16) | (hopLimit << 24);
        (*(ulong*)(ip + 8), *(ulong*)(ip + 16)) = (sourceHigh, sourceLow);
        (*(ulong*)(ip + 24), *(ulong*)(ip + 32)) = (destinationHigh, destinationLow);
        return ip + Wire.Ipv6Bytes;
    }

    /// <summary>The packet has more bytes, or (less than 0) fewer. Returns what the change of its length adds to a sum.</summary>
    public static ulong Grow(byte* ip, int bytes)
    {
        bool v4 = (ip[0] >> 4) == 4;
        ushort* field = (ushort*)(ip + (v4 ? 2 : 4));
        ushort old = *field;
        *field = Wire.Swap((ushort)(Wire.Swap(old) + bytes));
        ulong delta = (ushort)~old + (ulong)*field;
        if (v4)
        {
            *(ushort*)(ip + 10) = Checksum.Fold((ushort)~*(ushort*)(ip + 10) + delta);
        }

        return delta;
    }
}
