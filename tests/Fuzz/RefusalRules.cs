using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// What the sender of a frame that is not passed on must be told (RFC 1122 section 3.2.2, RFC 1191, RFC 1812 section 4.3.2,
/// RFC 4443 sections 2.4 and 3, RFC 9293 section 3.10.7.1, RFC 9260 section 8.4), put together from the bytes of the frame alone.
/// </summary>
public static class RefusalRules
{
    /// <summary>The frame of the error or reset, or null if none may be sent.</summary>
    /// <param name="frame">What is refused; it has been read as a packet of a service, or to a VIP.</param>
    /// <param name="reason">TooBig, TtlExpired, NoServer, NoService, ServiceFull or ServersFull.</param>
    /// <param name="mtuBytes">With TooBig.</param>
    /// <param name="own4">The ingress interface's address, if it has one.</param>
    /// <param name="portMac">MAC address of the ingress port.</param>
    public static byte[]? Expected(byte[] frame, DropReason reason, uint mtuBytes, byte[]? own4, byte[] portMac)
    {
        int l3 = frame[12] == 0x81 && frame[13] == 0 ? 18 : 14;
        byte[] ip = frame[l3..];
        bool v6 = ip[0] >> 4 == 6;
        byte[] from = v6 ? ip[8..24] : ip[12..16], to = v6 ? ip[24..40] : ip[16..20];
        byte[]? source = FuzzNetwork.IsVip(to) ? to : !v6 ? own4 : IsLinkLocal(from) ? LinkLocal(portMac) : FuzzNetwork.Own6;
        if ((frame[0] & 1) != 0 || source == null || !(v6 ? IsOwed6(ip, from) : IsOwed4(ip, from, reason)))
        {
            return null;
        }

        (int next, int at) = Transport(ip, v6);
        bool isReset = next is 6 or 132 && reason is DropReason.NoServer or DropReason.NoService or DropReason.ServiceFull or DropReason.ServersFull;
        byte[] l4 = isReset ? ip[at..(v6 ? 40 + Word(ip, 4) : Word(ip, 2))] : [];
        byte[]? payload = !isReset ? Error(ip, v6, reason, mtuBytes) : next == 6 ? Reset(l4) : Abort(l4);
        if (payload == null)
        {
            return null;
        }

        int protocol = isReset ? next : v6 ? 58 : 1;
        if (protocol == 132)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(payload.AsSpan(8), SctpReading.Crc(payload));
        }

        byte[] pseudo = protocol == 1 ? [] : [.. source, .. from, 0, (byte)protocol, (byte)(payload.Length >> 8), (byte)payload.Length];
        if (protocol != 132)
        {
            SetSum(payload, isReset ? 16 : 2, [.. pseudo, .. payload]);
        }

        byte[] head = v6
            ? [0x60, 0, 0, 0, (byte)(payload.Length >> 8), (byte)payload.Length, (byte)protocol, 64, .. source, .. from]
            : [0x45, 0, (byte)((20 + payload.Length) >> 8), (byte)(20 + payload.Length), 0, 0, 0x40, 0, 64, (byte)protocol, 0, 0, .. source, .. from];
        if (!v6)
        {
            SetSum(head, 10, head);
        }

        return [.. frame[6..12], .. portMac, .. frame[12..l3], .. head, .. payload];
    }

    /// <summary>An ICMP error, its checksum 0.</summary>
    private static byte[] Error(byte[] ip, bool v6, DropReason reason, uint mtuBytes)
    {
        byte[] type = (reason, v6) switch
        {
            (DropReason.TooBig, false) => [3, 4],
            (DropReason.TooBig, true) => [2, 0],
            (DropReason.TtlExpired, false) => [11, 0],
            (DropReason.TtlExpired, true) => [3, 0],
            (_, false) => [3, 3],
            (_, true) => [1, 4],
        };
        byte[] mtu = reason == DropReason.TooBig ? [(byte)(mtuBytes >> 8), (byte)mtuBytes] : [0, 0];
        return [.. type, 0, 0, 0, 0, .. mtu, .. ip[..Math.Min(ip.Length, v6 ? 1280 - 48 : 576 - 28)]];
    }

    /// <summary>What a closed port answers to a segment (RFC 9293 section 3.10.7.1), its checksum 0; null to a reset.</summary>
    private static byte[]? Reset(byte[] tcp)
    {
        bool fin = (tcp[13] & 1) != 0, syn = (tcp[13] & 2) != 0, ack = (tcp[13] & 16) != 0;
        byte[] acknowledged = new byte[4];
        int length = tcp.Length - ((tcp[12] >> 4) * 4) + (syn ? 1 : 0) + (fin ? 1 : 0);
        BinaryPrimitives.WriteUInt32BigEndian(acknowledged, BinaryPrimitives.ReadUInt32BigEndian(tcp.AsSpan(4)) + (uint)length);
        byte[] numbers = ack ? [.. tcp[8..12], 0, 0, 0, 0, 0x50, 4] : [0, 0, 0, 0, .. acknowledged, 0x50, 4 | 16];
        return (tcp[13] & 4) != 0 ? null : [.. tcp[2..4], .. tcp[..2], .. numbers, 0, 0, 0, 0, 0, 0];
    }

    /// <summary>What a host without association answers, its checksum 0; null where it is silent: to a wrong checksum, to what ends or is late, and to an INIT with a tag.</summary>
    private static byte[]? Abort(byte[] sctp)
    {
        int length = Word(sctp, 14), second = 12 + ((length + 3) / 4 * 4);
        bool aborts = sctp[12] is 10 or 11 && length >= 4 && sctp.Length >= second + 4 && sctp[second] == 6, init = sctp[12] == 1;
        bool silent = aborts || sctp[12] is 6 or 9 or 11 or 14 || (init && (sctp.Length < 32 || sctp[4..8].Any(b => b != 0)));
        if (silent || BinaryPrimitives.ReadUInt32LittleEndian(sctp.AsSpan(8)) != SctpReading.Crc(sctp))
        {
            return null;
        }

        return [.. sctp[2..4], .. sctp[..2], .. init ? sctp[16..20] : sctp[4..8], 0, 0, 0, 0, sctp[12] == 8 ? (byte)14 : (byte)6, init ? (byte)0 : (byte)1, 0, 4];
    }

    private static bool IsOwed4(byte[] ip, byte[] from, DropReason reason)
    {
        bool host = from.Any(b => b != 0) && from[0] != 127 && from[0] < 224;
        bool first = (Word(ip, 6) & 0x1FFF) == 0, dontFragment = (ip[6] & 0x40) != 0;
        return host && ip[9] != 1 && first && (reason != DropReason.TooBig || dontFragment);
    }

    /// <summary>None about an ICMPv6 message, behind extension headers either (RFC 4443 section 2.4 (e)).</summary>
    private static bool IsOwed6(byte[] ip, byte[] from) => Transport(ip, v6: true).Protocol != 58 && from[0] != 0xFF && from.Any(b => b != 0);

    /// <summary>The transport protocol and where its header is.</summary>
    private static (int Protocol, int At) Transport(byte[] ip, bool v6)
    {
        int next = v6 ? ip[6] : ip[9], at = v6 ? 40 : (ip[0] & 15) * 4;
        while (v6 && next is 0 or 43 or 44 or 60)
        {
            int bytes = next == 44 ? 8 : (ip[at + 1] + 1) * 8;
            bool later = next == 44 && Word(ip, at + 2) > 7;
            (next, at) = (ip[at], at + bytes);
            if (later)
            {
                break; // what follows is payload
            }
        }

        return (next, at);
    }

    private static bool IsLinkLocal(byte[] address) => address[0] == 0xFE && (address[1] & 0xC0) == 0x80;

    private static byte[] LinkLocal(byte[] mac) => [0xFE, 0x80, 0, 0, 0, 0, 0, 0, (byte)(mac[0] ^ 2), mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]];

    private static void SetSum(byte[] bytes, int field, byte[] covered) => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(field), (ushort)(0xFFFF - VrrpRules.Sum(covered)));

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
