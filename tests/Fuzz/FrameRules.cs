using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// Reads a frame by a second reading of the rules that is slow, bounds-checked and shares nothing with the engine but
/// names. Services and servers are those of <see cref="FuzzNetwork"/>.
/// </summary>
public static class FrameRules
{
    private const int Tcp = 6, Udp = 17, ErrorBytes = 8, PortsBytes = 8;
    private static readonly byte[] s_own = [2, 0, 0, 0, 0, 1], s_virtual = [0, 0, 0x5E, 0, 1, FuzzNetwork.Vrid];

    /// <summary>What a frame is.</summary>
    public static Reading Read(byte[] frame, int port = 0, bool checksumBad = false)
    {
        int l3 = frame.Length >= 14 && Word(frame, 12) == 0x8100 ? 18 : 14;
        if (frame.Length < l3)
        {
            return new Reading { Fate = nameof(DropReason.Truncated) };
        }

        bool isVirtual = frame.AsSpan(0, 6).SequenceEqual(s_virtual) && port == FuzzNetwork.VirtualMacPort && (l3 == 14 || (Word(frame, 14) & 0xFFF) == 0);
        if (!isVirtual && !frame.AsSpan(0, 6).SequenceEqual(s_own))
        {
            return new Reading { Fate = (frame[0] & 1) != 0 ? "punt" : nameof(DropReason.NotOurMac) };
        }

        Reading reading = new() { L3 = l3, Ip = frame[l3..], Fate = "punt", IsToVirtualMac = isVirtual };
        switch (Word(frame, l3 - 2))
        {
            case 0x0800: Ipv4(reading, checksumBad); break;
            case 0x86DD: Ipv6(reading); break;
        }

        // The virtual MAC address is the VIPs' (RFC 9568 section 8.1.2): it is no way to the host.
        if (isVirtual && reading.Fate == "punt" && !FuzzNetwork.IsVip(Destination(reading.Ip, Word(frame, l3 - 2))))
        {
            reading.Fate = nameof(DropReason.NotOurMac);
        }

        return reading;
    }

    /// <summary>Of an IP packet its destination, of an ARP message the address that it is about.</summary>
    private static byte[] Destination(byte[] packet, int etherType) => etherType switch
    {
        0x0800 => packet[16..20],
        0x86DD => packet[24..40],
        0x0806 when packet.Length >= 28 => packet[24..28],
        _ => [],
    };

    private static void Ipv4(Reading r, bool checksumBad)
    {
        byte[] ip = r.Ip;
        if (ip.Length < 20)
        {
            r.Fate = nameof(DropReason.Truncated);
            return;
        }

        int header = (ip[0] & 15) * 4, total = Word(ip, 2);
        string? fault = ip[0] >> 4 != 4 ? nameof(DropReason.IpVersionBad)
            : header < 20 || header > ip.Length ? nameof(DropReason.Ipv4HeaderLengthBad)
            : total < header || total > ip.Length ? nameof(DropReason.IpLengthBad)
            : checksumBad ? nameof(DropReason.Ipv4ChecksumBad) : null;
        if (fault != null)
        {
            r.Fate = fault;
            return;
        }

        (r.Bytes, r.L4, r.Protocol) = (total, header, ip[9]);
        bool fragment = (Word(ip, 6) & 0x3FFF) != 0;
        if (ip[9] == 1 && !fragment && ip[header..total] is { Length: >= ErrorBytes + 20 + PortsBytes } icmp && icmp[0] is 3 or 11 or 12)
        {
            byte[] quoted = icmp[ErrorBytes..];
            int inner = (quoted[0] & 15) * 4;
            if (quoted[0] >> 4 == 4 && inner >= 20 && quoted.Length >= inner + PortsBytes && (Word(quoted, 6) & 0x1FFF) == 0)
            {
                Error(r, ip[16..20], quoted[12..16], quoted[16..20], quoted[9], quoted[inner..]);
            }
        }

        Transport(r, ip[12..16], ip[16..20], fragment, icmp: 1);
    }

    private static void Ipv6(Reading r)
    {
        byte[] ip = r.Ip;
        int end = ip.Length < 40 ? 0 : 40 + Word(ip, 4);
        string? fault = ip.Length < 40 ? nameof(DropReason.Truncated) : ip[0] >> 4 != 6 ? nameof(DropReason.IpVersionBad) : end > ip.Length ? nameof(DropReason.IpLengthBad) : null;
        if (fault != null)
        {
            r.Fate = fault;
            return;
        }

        int at = 40, next = ip[6], extensions = 0;
        bool fragment = false;
        while (!fragment && next is 0 or 43 or 44 or 60)
        {
            int bytes = end - at < 8 ? 0 : next == 44 ? 8 : (ip[at + 1] + 1) * 8;
            if (++extensions > 4 || bytes == 0 || at + bytes > end)
            {
                r.Fate = nameof(DropReason.Ipv6ExtensionBad);
                return;
            }

            fragment = next == 44 && (Word(ip, at + 2) & 0xFFF9) != 0;
            next = ip[at];
            at += bytes;
        }

        (r.Bytes, r.L4, r.Protocol) = (end, at, next);
        byte[] icmp = ip[at..end];
        if (next == 58 && !fragment && icmp.Length >= ErrorBytes + 40 + PortsBytes && icmp[0] is 1 or 2 or 3 or 4 && icmp[8] >> 4 == 6)
        {
            Error(r, ip[24..40], icmp[16..32], icmp[32..48], icmp[14], icmp[48..]);
        }

        Transport(r, ip[8..24], ip[24..40], fragment, icmp: 58);
    }

    /// <summary>An ICMP error is about a flow if it goes to who has sent what it quotes.</summary>
    private static void Error(Reading r, byte[] to, byte[] quotedFrom, byte[] quotedTo, int protocol, byte[] ports)
    {
        if (protocol is not (Tcp or Udp) || !to.AsSpan().SequenceEqual(quotedFrom))
        {
            return;
        }

        if (FuzzNetwork.Service(quotedFrom, Word(ports, 0), protocol) is { } service)
        {
            (r.Kind, r.Service, r.Client) = (FrameKind.ErrorToServer, service, Client(quotedTo, Word(ports, 2)));
        }
        else if (FuzzNetwork.Behind(quotedTo, Word(ports, 2), protocol) is { Length: > 0 } behind)
        {
            (r.Kind, r.Behind, r.Client) = (FrameKind.ErrorToClient, behind, Client(quotedFrom, Word(ports, 0)));
        }
    }

    private static void Transport(Reading r, byte[] from, byte[] to, bool fragment, int icmp)
    {
        bool vip = FuzzNetwork.IsVip(to);
        if (fragment || r.Protocol is not (Tcp or Udp))
        {
            r.Fate = !vip ? "punt" : fragment ? nameof(DropReason.Fragment) : r.Protocol == icmp ? "punt" : nameof(DropReason.ProtocolUnsupported);
            return;
        }

        byte[] l4 = r.Ip[r.L4..r.Bytes];
        bool sound = r.Protocol == Tcp
            ? l4.Length >= 20 && (l4[12] >> 4) * 4 is >= 20 and var offset && offset <= l4.Length
            : l4.Length >= 8 && Word(l4, 4) is >= 8 and var bytes && bytes <= l4.Length;
        if (!sound)
        {
            r.Fate = nameof(DropReason.L4HeaderBad);
            return;
        }

        r.Flags = r.Protocol == Tcp ? l4[13] : 0;
        r.Fate = vip ? nameof(DropReason.NoService) : "punt";
        if (FuzzNetwork.Service(to, Word(l4, 2), r.Protocol) is { } service)
        {
            (r.Kind, r.Service, r.Client) = (FrameKind.Request, service, Client(from, Word(l4, 0)));
        }
        else if (FuzzNetwork.Behind(from, Word(l4, 0), r.Protocol) is { Length: > 0 } behind)
        {
            (r.Kind, r.Behind, r.Client) = (FrameKind.Reply, behind, Client(to, Word(l4, 2)));
        }
    }

    private static string Client(byte[] address, int port) => $"{Convert.ToHexString(address)}:{port}";

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
