using System.Buffers.Binary;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// A second reading of RFC 7915 as NAT64 needs it: packets and ICMP errors in the other family, put together from bytes. Null is
/// what must not be sent on. Addresses and ports are those of one flow.
/// </summary>
/// <param name="Client">The IPv6 client.</param>
/// <param name="Vip">The VIP that it sees.</param>
/// <param name="Source">The source address that the server sees.</param>
/// <param name="Server">The IPv4 server.</param>
/// <param name="ClientPort">Ports, in the same order.</param>
/// <param name="VipPort">As above.</param>
/// <param name="SourcePort">As above.</param>
/// <param name="ServerPort">As above.</param>
public sealed record Nat64Rules(byte[] Client, byte[] Vip, byte[] Source, byte[] Server, int ClientPort, int VipPort, int SourcePort, int ServerPort)
{
    private const int Udp = 17, Sctp = 132;

    /// <summary>Type, code, and what stands for the second word: "mtu", "next" (pointer 6), "pointer", or nothing; by type and code of IPv4, from RFC 7915's text.</summary>
    private static readonly Dictionary<(int, int), (int Type, int Code, string Word)> s_to6 = new()
    {
        [(3, 0)] = (1, 0, ""), [(3, 1)] = (1, 0, ""), [(3, 2)] = (4, 1, "next"), [(3, 3)] = (1, 4, ""), [(3, 4)] = (2, 0, "mtu"), [(3, 5)] = (1, 0, ""), [(3, 6)] = (1, 0, ""), [(3, 7)] = (1, 0, ""),
        [(3, 8)] = (1, 0, ""), [(3, 9)] = (1, 1, ""), [(3, 10)] = (1, 1, ""), [(3, 11)] = (1, 0, ""), [(3, 12)] = (1, 0, ""), [(3, 13)] = (1, 1, ""), [(3, 15)] = (1, 1, ""),
        [(12, 0)] = (4, 0, "pointer"), [(12, 2)] = (4, 0, "pointer"),
    };

    private static readonly Dictionary<(int, int), (int Type, int Code, string Word)> s_to4 = new()
    {
        [(1, 0)] = (3, 1, ""), [(1, 1)] = (3, 10, ""), [(1, 2)] = (3, 1, ""), [(1, 3)] = (3, 1, ""), [(1, 4)] = (3, 3, ""), [(4, 0)] = (12, 0, "pointer"), [(4, 1)] = (3, 2, ""),
    };

    /// <summary>A client's packet, whole or a fragment, for the server; the identification is the translator's choice unless it is a fragment.</summary>
    /// <param name="ip">The packet.</param>
    /// <param name="l4">Where its transport is, or the data of a later fragment.</param>
    /// <param name="protocol">The transport.</param>
    /// <param name="fragment">Where its fragment header is; 0 = none.</param>
    /// <param name="chosen">The identification that was chosen.</param>
    public byte[]? ToServer(byte[] ip, int l4, int protocol, int fragment, int chosen)
    {
        int offset = fragment == 0 ? 0 : Word(ip, fragment + 2) & 0xFFF8, more = fragment == 0 ? 0 : ip[fragment + 3] & 1;
        if (fragment != 0 && l4 != fragment + 8)
        {
            return null;
        }

        byte[] data = ip[l4..];
        if (offset == 0)
        {
            data = Transport(data, protocol, [.. Client, .. Vip], [.. Source, .. Server], SourcePort, ServerPort, fragment != 0)!;
        }

        int id = fragment == 0 ? chosen : Word(ip, fragment + 6), dontDivide = fragment == 0 && data.Length + 20 > 1260 ? 0x4000 : 0;
        return V4(Class(ip), id, dontDivide | (more << 13) | (offset / 8), ip[7] - 1, protocol, Source, Server, data);
    }

    /// <summary>A server's packet for the client.</summary>
    public byte[]? ToClient(byte[] ip)
    {
        int header = (ip[0] & 15) * 4, protocol = ip[9], offset = (Word(ip, 6) & 0x1FFF) * 8, more = (ip[6] >> 5) & 1;
        bool fragment = offset != 0 || more != 0;
        byte[]? data = ip[header..];
        data = offset != 0 ? data : Transport(data, protocol, [.. Server, .. Source], [.. Vip, .. Client], VipPort, ClientPort, fragment);
        if (data == null)
        {
            return null;
        }

        byte[] extension = fragment ? [(byte)protocol, 0, (byte)(offset >> 8), (byte)(offset | more), 0, 0, ip[4], ip[5]] : [];
        return V6(ip[1], ip[8] - 1, fragment ? 44 : protocol, Vip, Client, [.. extension, .. data]);
    }

    /// <summary>An ICMP error about a packet to the server; its checksum is right.</summary>
    public byte[]? ErrorToClient(byte[] ip)
    {
        byte[] icmp = ip[((ip[0] & 15) * 4)..], quoted = icmp[8..];
        (int Type, int Code, string Word) to = icmp[0] == 11 ? (3, icmp[1], "") : s_to6.GetValueOrDefault((icmp[0], icmp[1]), (0, 0, ""));
        int pointer = icmp[4] switch { 0 => 0, 1 => 1, 2 or 3 => 4, 8 => 7, 9 => 6, >= 12 and <= 15 => 8, >= 16 and <= 19 => 24, _ => -1 };
        if (to.Type == 0 || (to.Word == "pointer" && pointer < 0))
        {
            return null;
        }

        int inner = (quoted[0] & 15) * 4, mtu = Math.Min(Math.Max(Word(icmp, 6) + 20, 1280), 65_535);
        byte[] data = [(byte)(ClientPort >> 8), (byte)ClientPort, (byte)(VipPort >> 8), (byte)VipPort, .. quoted[(inner + 4)..]];
        byte[] packet = V6(quoted[1], quoted[8], quoted[9], Client, Vip, data);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(4), (ushort)(Word(quoted, 2) - inner)); // the length is that of the whole, not of what is quoted
        byte[] second = to.Word switch { "mtu" => [0, 0, (byte)(mtu >> 8), (byte)mtu], "next" => [0, 0, 0, 6], "pointer" => [0, 0, 0, (byte)pointer], _ => [0, 0, 0, 0] };
        byte[] message = [(byte)to.Type, (byte)to.Code, 0, 0, .. second, .. packet[..Math.Min(packet.Length, 1280 - 48)]];
        byte[] pseudo = [.. Vip, .. Client, (byte)(message.Length >> 8), (byte)message.Length, 0, 58];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~Ip.Sum([.. pseudo, .. message]));
        return V6(ip[1], ip[8] - 1, 58, Vip, Client, message);
    }

    /// <summary>An ICMPv6 error about an answer; its checksum is right.</summary>
    public byte[]? ErrorToServer(byte[] ip, int l4, int chosen)
    {
        byte[] icmp = ip[l4..], quoted = icmp[8..];
        uint word = BinaryPrimitives.ReadUInt32BigEndian(icmp.AsSpan(4));
        (int Type, int Code, string Word) to = icmp[0] switch { 2 => (3, 4, "mtu"), 3 => (11, icmp[1], ""), _ => s_to4.GetValueOrDefault((icmp[0], icmp[1]), (0, 0, "")) };
        int pointer = word switch { 0 => 0, 1 => 1, 4 or 5 => 2, 6 => 9, 7 => 8, >= 8 and <= 23 => 12, >= 24 and <= 39 => 16, _ => -1 };
        if (to.Type == 0 || (to.Word == "pointer" && pointer < 0))
        {
            return null;
        }

        int mtu = (int)Math.Min(Math.Max(word, 1280) - 20, 65_535);
        byte[] data = [(byte)(ServerPort >> 8), (byte)ServerPort, (byte)(SourcePort >> 8), (byte)SourcePort, .. quoted[44..]];
        byte[] packet = V4(Class(quoted), 0, 0x4000, quoted[7], quoted[6], Server, Source, data);
        BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(2), (ushort)(Word(quoted, 4) + 20));
        packet = [.. Ip.Finish4(packet)];
        byte[] second = to.Word switch { "mtu" => [0, 0, (byte)(mtu >> 8), (byte)mtu], "pointer" => [(byte)pointer, 0, 0, 0], _ => [0, 0, 0, 0] };
        byte[] message = [(byte)to.Type, (byte)to.Code, 0, 0, .. second, .. packet[..Math.Min(packet.Length, 576 - 28)]];
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)~Ip.Sum(message));
        return V4(Class(ip), chosen, 0, ip[7] - 1, 1, Source, Server, message);
    }

    /// <summary>Ports and checksum; what was wrong is wrong by as much. A datagram without checksum stays so for IPv4 and gets one for IPv6, where it is whole.</summary>
    private static byte[]? Transport(byte[] l4, int protocol, byte[] before, byte[] after, int from, int to, bool isFragment)
    {
        byte[] now = [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, .. l4[4..]];
        if (protocol == Sctp)
        {
            uint wrongBy = BinaryPrimitives.ReadUInt32LittleEndian(l4.AsSpan(8)) ^ SctpReading.Crc(l4);
            BinaryPrimitives.WriteUInt32LittleEndian(now.AsSpan(8), SctpReading.Crc(now) ^ wrongBy);
            return now;
        }

        int field = protocol == Udp ? 6 : 16;
        if (protocol == Udp && Word(l4, 6) == 0)
        {
            if (after.Length == 8 || isFragment)
            {
                return after.Length == 8 ? now : null;
            }

            byte[] datagram = now[..Word(now, 4)], pseudo = [.. after, 0, Udp, (byte)(datagram.Length >> 8), (byte)datagram.Length];
            int sum = 0xFFFF ^ Ip.Sum([.. pseudo, .. datagram]);
            BinaryPrimitives.WriteUInt16BigEndian(now.AsSpan(6), (ushort)(sum == 0 ? 0xFFFF : sum));
            return now;
        }

        now[field] = now[field + 1] = 0;
        int was = (Ip.Sum(before) + Ip.Sum(l4)) % 0xFFFF, without = (Ip.Sum(after) + Ip.Sum(now)) % 0xFFFF, value = (was + 0xFFFF - without) % 0xFFFF;
        BinaryPrimitives.WriteUInt16BigEndian(now.AsSpan(field), (ushort)(protocol == Udp && value == 0 ? 0xFFFF : value));
        return now;
    }

    private static byte[] V4(int tos, int id, int flags, int ttl, int protocol, byte[] from, byte[] to, byte[] data)
    {
        int total = 20 + data.Length;
        return Ip.Finish4([0x45, (byte)tos, (byte)(total >> 8), (byte)total, (byte)(id >> 8), (byte)id, (byte)(flags >> 8), (byte)flags, (byte)ttl, (byte)protocol, 0, 0, .. from, .. to, .. data]);
    }

    private static byte[] V6(int trafficClass, int hopLimit, int next, byte[] from, byte[] to, byte[] data) =>
        [(byte)(0x60 | (trafficClass >> 4)), (byte)(trafficClass << 4), 0, 0, (byte)(data.Length >> 8), (byte)data.Length, (byte)next, (byte)hopLimit, .. from, .. to, .. data];

    private static int Class(byte[] ip6) => (Word(ip6, 0) >> 4) & 0xFF;

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
