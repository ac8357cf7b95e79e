using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// What the sender of a frame that is not passed on must be told (RFC 1122 section 3.2.2, RFC 1191, RFC 1812 section 4.3.2,
/// RFC 4443 sections 2.4 and 3), put together from the bytes of the frame alone.
/// </summary>
public static class RefusalRules
{
    /// <summary>The frame of the error, or null if none may be sent.</summary>
    /// <param name="frame">What is refused; it has been read as a packet of a service.</param>
    /// <param name="reason">TooBig or TtlExpired.</param>
    /// <param name="mtuBytes">With TooBig.</param>
    /// <param name="own4">The ingress interface's address, if it has one.</param>
    /// <param name="portMac">MAC address of the ingress port.</param>
    public static byte[]? Expected(byte[] frame, DropReason reason, uint mtuBytes, byte[]? own4, byte[] portMac)
    {
        int l3 = frame[12] == 0x81 && frame[13] == 0 ? 18 : 14;
        byte[] ip = frame[l3..];
        bool v6 = ip[0] >> 4 == 6;
        byte[] from = v6 ? ip[8..24] : ip[12..16], to = v6 ? ip[24..40] : ip[16..20];
        byte[]? source = FuzzNetwork.IsVip(to) ? to : v6 ? LinkLocal(portMac) : own4;
        if ((frame[0] & 1) != 0 || source == null || !(v6 ? IsOwed6(ip, from) : IsOwed4(ip, from, reason)))
        {
            return null;
        }

        byte[] quoted = ip[..Math.Min(ip.Length, v6 ? 1280 - 48 : 576 - 28)];
        bool tooBig = reason == DropReason.TooBig;
        byte[] type = v6 ? [tooBig ? (byte)2 : (byte)3, 0] : tooBig ? [3, 4] : [11, 0];
        byte[] icmp = [.. type, 0, 0, 0, 0, .. tooBig ? (byte[])[(byte)(mtuBytes >> 8), (byte)mtuBytes] : [0, 0], .. quoted];
        byte[] pseudo = v6 ? [.. source, .. from, 0, 0, (byte)(icmp.Length >> 8), (byte)icmp.Length, 0, 0, 0, 58] : [];
        SetSum(icmp, 2, [.. pseudo, .. icmp]);
        byte[] head = v6
            ? [0x60, 0, 0, 0, (byte)(icmp.Length >> 8), (byte)icmp.Length, 58, 64, .. source, .. from]
            : [0x45, 0, (byte)((20 + icmp.Length) >> 8), (byte)(20 + icmp.Length), 0, 0, 0x40, 0, 64, 1, 0, 0, .. source, .. from];
        if (!v6)
        {
            SetSum(head, 10, head);
        }

        return [.. frame[6..12], .. portMac, .. frame[12..l3], .. head, .. icmp];
    }

    private static bool IsOwed4(byte[] ip, byte[] from, DropReason reason)
    {
        bool host = from.Any(b => b != 0) && from[0] != 127 && from[0] < 224;
        bool first = (Word(ip, 6) & 0x1FFF) == 0, dontFragment = (ip[6] & 0x40) != 0;
        return host && ip[9] != 1 && first && (reason != DropReason.TooBig || dontFragment);
    }

    /// <summary>None about an ICMPv6 message, behind extension headers either (RFC 4443 section 2.4 (e)).</summary>
    private static bool IsOwed6(byte[] ip, byte[] from)
    {
        int next = ip[6], at = 40;
        while (next is 0 or 43 or 44 or 60)
        {
            int bytes = next == 44 ? 8 : (ip[at + 1] + 1) * 8;
            bool later = next == 44 && Word(ip, at + 2) > 7;
            (next, at) = (ip[at], at + bytes);
            if (later)
            {
                break; // what follows is payload
            }
        }

        return next != 58 && from[0] != 0xFF && from.Any(b => b != 0);
    }

    private static byte[] LinkLocal(byte[] mac) => [0xFE, 0x80, 0, 0, 0, 0, 0, 0, (byte)(mac[0] ^ 2), mac[1], mac[2], 0xFF, 0xFE, mac[3], mac[4], mac[5]];

    private static void SetSum(byte[] bytes, int field, byte[] covered) => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(field), (ushort)(0xFFFF - VrrpRules.Sum(covered)));

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
