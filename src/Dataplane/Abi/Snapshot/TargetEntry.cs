using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>
/// What forwarding to a server needs beside its next hop: the addresses that a tunnel or NAT writes, with the checksum
/// work that does not depend on the packet done already. Sums are those of RFC 1071 over 16-bit words as loaded.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct TargetEntry
{
    /// <summary>Size in bytes: a cache line.</summary>
    public const int SizeBytes = 64;
    /// <summary>Server's address; an IPv4 address is in the low four bytes of <see cref="AddressHigh"/> as they lie in memory.</summary>
    public ulong AddressHigh, AddressLow;
    /// <summary>Tunnel: own address that is the source of the outer header, of the same family as the server's.</summary>
    public ulong SourceHigh, SourceLow;
    /// <summary>Server's port, or that of a GUE tunnel's outer datagrams; network byte order as it lies in memory.</summary>
    public ushort Port;
    /// <summary>Family of the server's address, 4 or 6.</summary>
    public byte IpVersion;
    /// <summary>Tunnel: what is between the outer header and the packet.</summary>
    public Encapsulation Encapsulation;
    /// <summary>Tunnel: sum of the words of both addresses.</summary>
    public ushort HeaderSum;
    /// <summary>NAT: what VIP to server's address adds to a sum, and VIP and port to server's address and port.</summary>
    public ushort AddressDelta, TransportDelta;
    /// <summary>Tunnel: 1 if GUE's outer datagrams or GRE headers carry a checksum, else 0.</summary>
    public byte Checksum;

    /// <summary>Bytes that a tunnel adds to a packet.</summary>
    public static int OuterBytes(byte ipVersion, Encapsulation encapsulation, bool checksum) => (ipVersion == 4 ? 20 : 40) + encapsulation switch
    {
        Encapsulation.Gue => 8 + 4,
        Encapsulation.Gre => checksum ? 8 : 4,
        _ => 0,
    };

    /// <summary>A tunnel's target.</summary>
    public static TargetEntry Tunnel(byte ipVersion, ulong addressHigh, ulong addressLow, ulong sourceHigh, ulong sourceLow, Encapsulation encapsulation = Encapsulation.Ipip, ushort port = 0, bool checksum = false) => new()
    {
        Encapsulation = encapsulation, Port = port, Checksum = checksum ? (byte)1 : (byte)0,
        IpVersion = ipVersion, AddressHigh = addressHigh, AddressLow = addressLow, SourceHigh = sourceHigh, SourceLow = sourceLow,
        HeaderSum = Sum(Words(addressHigh) + Words(addressLow) + Words(sourceHigh) + Words(sourceLow)),
    };

    /// <summary>NAT's target: from the service's VIP and port to the server's address and port. With NAT64 the family is the server's, and sums are over both.</summary>
    public static TargetEntry Nat(in ServiceEntry service, byte ipVersion, ulong addressHigh, ulong addressLow, ushort port)
    {
        // The sum loses a word by gaining its complement (RFC 1624).
        uint address = Words(addressHigh) + Words(addressLow) + Words(~service.VipHigh) + Words(~service.VipLow);
        return new TargetEntry
        {
            IpVersion = ipVersion, AddressHigh = addressHigh, AddressLow = addressLow, Port = port,
            AddressDelta = Sum(address), TransportDelta = Sum(address + port + (ushort)~service.Port),
        };
    }

    private static uint Words(ulong value) => (uint)((value & 0xFFFF) + ((value >> 16) & 0xFFFF) + ((value >> 32) & 0xFFFF) + (value >> 48));

    private static ushort Sum(uint sum)
    {
        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)((sum & 0xFFFF) + (sum >> 16));
    }
}
