using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// What a SNAT flow is known by: inside host and destination with their ports, and the protocol. An echo has its identifier as the
/// host's port and 0 as the destination's (RFC 5508 section 3). In network byte order as they lie in memory.
/// </summary>
internal unsafe struct SnatTuple
{
    /// <summary>Inside host and destination; see <see cref="SnatAddress"/>.</summary>
    public SnatAddress Client, Destination;
    /// <summary>Their ports.</summary>
    public ushort ClientPort, DestinationPort;
    /// <summary>Protocol.</summary>
    public byte Protocol;
    /// <summary>4 or 6.</summary>
    public byte IpVersion;

    /// <summary>Where an echo has its identifier (RFC 792, RFC 4443 section 4.1).</summary>
    public const int IdentifierOffset = 4;

    /// <summary>Whether a protocol has identifiers in the place of ports.</summary>
    public static bool IsEcho(byte protocol) => protocol is Wire.Icmp or Wire.Icmpv6;

    /// <summary>Of what <see cref="ClassifySnat"/> has marked.</summary>
    public static SnatTuple Of(Burst* burst, int i)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + burst->L4Offset[i];
        byte protocol = (byte)burst->Key[i];
        if ((burst->Path[i] & PacketPath.Error) == 0)
        {
            return Of(ip, l4, protocol, isFromClient: true);
        }

        byte* quoted = l4 + ClassifyKnown.ErrorBytes;
        return Of(quoted, quoted + ((quoted[0] >> 4) == 4 ? (quoted[0] & 0xF) * 4 : Wire.Ipv6Bytes), protocol, isFromClient: false);
    }

    /// <summary>Of a packet to the destination, or from it.</summary>
    public static SnatTuple Of(byte* ip, byte* l4, byte protocol, bool isFromClient)
    {
        SnatTuple t = new() { Protocol = protocol, IpVersion = (byte)(ip[0] >> 4) };
        SnatAddress source, destination;
        if (t.IpVersion == 4)
        {
            (source, destination) = (new SnatAddress { High = *(uint*)(ip + 12) }, new SnatAddress { High = *(uint*)(ip + 16) });
        }
        else
        {
            (source, destination) = (*(SnatAddress*)(ip + 8), *(SnatAddress*)(ip + 24));
        }

        (t.Client, t.Destination) = isFromClient ? (source, destination) : (destination, source);
        (t.ClientPort, t.DestinationPort) = IsEcho(protocol) ? (*(ushort*)(l4 + IdentifierOffset), (ushort)0)
            : isFromClient ? (*(ushort*)l4, *(ushort*)(l4 + 2)) : (*(ushort*)(l4 + 2), *(ushort*)l4);
        return t;
    }
}
