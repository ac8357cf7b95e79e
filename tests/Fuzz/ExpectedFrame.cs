using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// What a frame must look like when it leaves, put together anew and byte by byte. Checksums are computed over the whole
/// packet: what was right is right again, and what was wrong is wrong by as much (RFC 1624 section 2).
/// </summary>
public static class ExpectedFrame
{
    private const int ErrorBytes = 8;

    /// <summary>The frame with these MAC addresses and in this VLAN; priority and drop eligibility of a tag stay (IEEE 802.1Q section 9.6).</summary>
    public static byte[] Framed(byte[] frame, byte[] packet, int etherType, byte[] to, byte[] from, int vlan)
    {
        bool tagged = Word(frame, 12) == 0x8100;
        int had = tagged ? Word(frame, 14) & 0xFFF : 0, priority = tagged ? Word(frame, 14) & 0xF000 : 0;
        byte[] tag = had == vlan ? (tagged ? frame[12..16] : []) : vlan == 0 ? [] : [0x81, 0, (byte)((priority | vlan) >> 8), (byte)vlan];
        return [.. to, .. from, .. tag, (byte)(etherType >> 8), (byte)etherType, .. packet];
    }

    /// <summary>The packet in an outer header (RFC 2003, RFC 4213, RFC 2473), with GUE or GRE (RFC 2784) between them; its TTL one less. A congestion mark stays inside (RFC 3168 section 9.1.1).</summary>
    public static byte[] Tunnelled(Reading r, FuzzServer server, int identification, int sourcePort)
    {
        byte[] inner = r.Ip[..r.Bytes];
        int dsField = r.IsV6 ? (Word(inner, 0) >> 4) & 0xFF : inner[1];
        dsField = (dsField & 3) == 3 ? dsField - 1 : dsField;
        int ttl = --inner[r.IsV6 ? 7 : 8], protocol = r.IsV6 ? 41 : 4;
        if (!r.IsV6)
        {
            Sum(inner, 10, r.Ip, 0, r.L4, []);
        }

        int dontFragment = r.IsV6 ? 0 : inner[6] & 0x40;
        (byte[] between, protocol) = Between(inner, server, protocol, sourcePort);
        inner = [.. between, .. inner];
        if (server.Address.Length == 16)
        {
            byte[] first = [(byte)(0x60 | (dsField >> 4)), (byte)(dsField << 4), 0, 0];
            return [.. first, (byte)(inner.Length >> 8), (byte)inner.Length, (byte)protocol, (byte)ttl, .. server.Source, .. server.Address, .. inner];
        }

        int total = 20 + inner.Length;
        byte[] outer = [0x45, (byte)dsField, (byte)(total >> 8), (byte)total, (byte)(identification >> 8), (byte)identification, (byte)dontFragment, 0, (byte)ttl, (byte)protocol, 0, 0, .. server.Source, .. server.Address];
        BinaryPrimitives.WriteUInt16BigEndian(outer.AsSpan(10), (ushort)(0xFFFF - VrrpRules.Sum(outer)));
        return [.. outer, .. inner];
    }

    /// <summary>Headers of GUE or GRE, and the protocol by which the outer header calls them.</summary>
    private static (byte[] Headers, int Protocol) Between(byte[] inner, FuzzServer server, int protocol, int sourcePort)
    {
        switch (server.Tunnel.Kind)
        {
            case "gue":
                int bytes = 12 + inner.Length;
                byte[] gue = [(byte)(sourcePort >> 8), (byte)sourcePort, (byte)(server.Port >> 8), (byte)server.Port, (byte)(bytes >> 8), (byte)bytes, 0, 0, 0, (byte)protocol, 0, 0];
                if (server.Tunnel.Summed)
                {
                    byte[] pseudo = [.. server.Source, .. server.Address, 0, 17, (byte)(bytes >> 8), (byte)bytes];
                    ushort sum = (ushort)(0xFFFF - VrrpRules.Sum([.. pseudo, .. gue, .. inner]));
                    BinaryPrimitives.WriteUInt16BigEndian(gue.AsSpan(6), sum == 0 ? (ushort)0xFFFF : sum);
                }

                return (gue, 17);
            case "gre":
                byte[] plain = [(byte)(server.Tunnel.Summed ? 0x80 : 0), 0, (byte)(protocol == 4 ? 0x08 : 0x86), (byte)(protocol == 4 ? 0x00 : 0xDD)];
                uint rest = 0xFFFF - VrrpRules.Sum([.. plain, .. inner]);
                return (server.Tunnel.Summed ? [.. plain, (byte)(rest >> 8), (byte)rest, 0, 0] : plain, 47);
            default:
                return ([], protocol);
        }
    }

    /// <summary>A request with the server's address and port as destination, or a reply with the service's as source.</summary>
    public static byte[] Translated(Reading r, bool toServer, byte[] address, int port)
    {
        byte[] ip = r.Ip[..r.Bytes];
        ip[r.IsV6 ? 7 : 8]--;
        address.CopyTo(ip, AddressAt(r.IsV6, toServer));
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(r.L4 + (toServer ? 2 : 0)), (ushort)port);
        if (!r.IsV6)
        {
            Sum(ip, 10, r.Ip, 0, r.L4, []);
        }

        if (r.Protocol == SctpReading.Protocol)
        {
            uint wrongBy = BinaryPrimitives.ReadUInt32LittleEndian(ip.AsSpan(r.L4 + 8)) ^ SctpReading.Crc(r.Ip.AsSpan(r.L4, r.Bytes - r.L4));
            bool isFragment = r.Datagram != null; // of the whole, which is not here: its ports stay, and so does the checksum
            BinaryPrimitives.WriteUInt32LittleEndian(ip.AsSpan(r.L4 + 8), isFragment ? BinaryPrimitives.ReadUInt32LittleEndian(ip.AsSpan(r.L4 + 8)) : SctpReading.Crc(ip.AsSpan(r.L4)) ^ wrongBy);
            return ip;
        }

        int field = r.L4 + (r.Protocol == 6 ? 16 : 6);
        if (r.Protocol == 6 || Word(ip, field) != 0) // a datagram without checksum stays so
        {
            Sum(ip, field, r.Ip, r.L4, r.Bytes, Addresses(r.IsV6));
            if (r.Protocol == 17 && Word(ip, field) == 0)
            {
                ip[field] = ip[field + 1] = 0xFF; // RFC 768
            }
        }

        return ip;
    }

    /// <summary>A later fragment: as <see cref="Translated"/>, without ports.</summary>
    public static byte[] Moved(Reading r, bool toServer, byte[] address)
    {
        byte[] ip = r.Ip[..r.Bytes];
        ip[r.IsV6 ? 7 : 8]--;
        address.CopyTo(ip, AddressAt(r.IsV6, toServer));
        if (!r.IsV6)
        {
            Sum(ip, 10, r.Ip, 0, r.L4, []);
        }

        return ip;
    }

    /// <summary>An ICMP error and what it quotes; null if its checksum is wrong. The quoted transport checksum stays.</summary>
    public static byte[]? Error(Reading r, bool toServer, byte[] address, int port)
    {
        byte[] ip = r.Ip[..r.Bytes];
        int quoted = r.L4 + ErrorBytes, inner = r.IsV6 ? 40 : (ip[quoted] & 15) * 4;
        if (Residual(ip, r.L4, r.Bytes, r.IsV6 ? Addresses(true) : []) != 0)
        {
            return null;
        }

        ip[r.IsV6 ? 7 : 8]--;
        address.CopyTo(ip, AddressAt(r.IsV6, toServer));
        address.CopyTo(ip, quoted + AddressAt(r.IsV6, !toServer));
        BinaryPrimitives.WriteUInt16BigEndian(ip.AsSpan(quoted + inner + (toServer ? 0 : 2)), (ushort)port);
        if (!r.IsV6)
        {
            Sum(ip, 10, r.Ip, 0, r.L4, []);
            Sum(ip, quoted + 10, r.Ip, quoted, quoted + inner, []);
        }

        Sum(ip, r.L4 + 2, r.Ip, r.L4, r.Bytes, r.IsV6 ? Addresses(true) : []);
        return ip;
    }

    /// <summary>Sets the checksum field so that the sum over the range and the parts is what it was before.</summary>
    private static void Sum(byte[] packet, int field, byte[] before, int from, int to, (int From, int To)[] alsoCovered)
    {
        uint was = Residual(before, from, to, alsoCovered);
        packet[field] = packet[field + 1] = 0;
        uint without = Residual(packet, from, to, alsoCovered);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(field), (ushort)((was + 0xFFFF - without) % 0xFFFF));
    }

    /// <summary>Addresses of the pseudo-header; its length and protocol do not change and leave differences alone.</summary>
    private static (int From, int To)[] Addresses(bool v6) => [v6 ? (8, 40) : (12, 20)];

    /// <summary>Sum over a range with what else is covered, less that of a right packet: 0 if its checksum is right.</summary>
    private static uint Residual(byte[] packet, int from, int to, (int From, int To)[] alsoCovered)
    {
        uint sum = VrrpRules.Sum(packet.AsSpan(from, to - from));
        foreach ((int at, int end) in alsoCovered)
        {
            sum += VrrpRules.Sum(packet.AsSpan(at, end - at)) + (uint)(to - from) + 58;
        }

        return sum % 0xFFFF;
    }

    private static int AddressAt(bool v6, bool destination) => v6 ? (destination ? 24 : 8) : destination ? 16 : 12;

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
