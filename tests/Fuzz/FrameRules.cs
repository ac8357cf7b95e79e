using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// Reads a frame by a second reading of the rules that is slow, bounds-checked and shares nothing with the engine but
/// names. Services and servers are those of <see cref="FuzzNetwork"/>.
/// </summary>
public static class FrameRules
{
    private const int Tcp = 6, Udp = 17, Sctp = 132, ErrorBytes = 8, PortsBytes = 8;
    private static readonly byte[] s_own = [2, 0, 0, 0, 0, 1], s_virtual = [0, 0, 0x5E, 0, 1, FuzzNetwork.Vrid], s_taggedVirtual = [0, 0, 0x5E, 0, 1, FuzzNetwork.TaggedVrid];

    /// <summary>What a frame is.</summary>
    public static Reading Read(byte[] frame, int port = 0, bool checksumBad = false)
    {
        int l3 = frame.Length >= 14 && Word(frame, 12) == 0x8100 ? 18 : 14;
        if (frame.Length < l3)
        {
            return new Reading { Fate = nameof(DropReason.Truncated) };
        }

        byte[] ofGroup = (l3 == 18 ? Word(frame, 14) & 0xFFF : 0) switch { 0 => s_virtual, FuzzNetwork.VirtualMacVlan => s_taggedVirtual, _ => [] };
        bool isVirtual = port == FuzzNetwork.VirtualMacPort && frame.AsSpan(0, 6).SequenceEqual(ofGroup);
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

        if (fragment)
        {
            (r.FragmentOffset, r.FragmentBytes, r.MoreFragments) = ((Word(ip, 6) & 0x1FFF) * 8, total - header, (ip[6] & 0x20) != 0);
            r.Datagram = $"{Convert.ToHexString(ip, 12, 8)} {Word(ip, 4)} {ip[9]}";
        }

        Transport(r, ip[12..16], ip[16..20], icmp: 1, longest: 65_535 - header);
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
        while (r.FragmentOffset == 0 && next is 0 or 43 or 44 or 60)
        {
            int bytes = end - at < 8 ? 0 : next == 44 ? 8 : (ip[at + 1] + 1) * 8;
            if (++extensions > 4 || bytes == 0 || at + bytes > end)
            {
                r.Fate = r.Datagram != null ? nameof(DropReason.FragmentTiny) : nameof(DropReason.Ipv6ExtensionBad); // RFC 7112
                return;
            }

            if (next == 44 && (Word(ip, at + 2) & 0xFFF9) != 0)
            {
                if (r.Datagram != null)
                {
                    r.Fate = nameof(DropReason.FragmentTiny);
                    return;
                }

                (r.FragmentOffset, r.FragmentBytes, r.MoreFragments) = (Word(ip, at + 2) & 0xFFF8, end - at - 8, (ip[at + 3] & 1) != 0);
                r.Datagram = $"{Convert.ToHexString(ip, 8, 32)} {Convert.ToHexString(ip, at + 4, 4)}";
            }

            next = ip[at];
            at += bytes;
        }

        (r.Bytes, r.L4, r.Protocol) = (end, at, next);
        byte[] icmp = ip[at..end];
        if (next == 58 && r.Datagram == null && icmp.Length >= ErrorBytes + 40 + PortsBytes && icmp[0] is 1 or 2 or 3 or 4 && icmp[8] >> 4 == 6)
        {
            Error(r, ip[24..40], icmp[16..32], icmp[32..48], icmp[14], icmp[48..]);
        }

        Transport(r, ip[8..24], ip[24..40], icmp: 58, longest: 65_535);
    }

    /// <summary>An ICMP error is about a flow if it goes to who has sent what it quotes.</summary>
    private static void Error(Reading r, byte[] to, byte[] quotedFrom, byte[] quotedTo, int protocol, byte[] ports)
    {
        if (protocol is not (Tcp or Udp or Sctp) || !to.AsSpan().SequenceEqual(quotedFrom))
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

    /// <summary>Whether a fragment can be one, and a first one has its whole transport header (RFC 1858); null if so.</summary>
    private static string? FragmentFault(Reading r, int longest)
    {
        int end = r.FragmentOffset + r.FragmentBytes;
        if (r.FragmentBytes == 0 || end > longest || (r.MoreFragments && r.FragmentBytes % 8 != 0))
        {
            return nameof(DropReason.FragmentBad);
        }

        if (r.FragmentOffset != 0)
        {
            return r.FragmentOffset == 8 && r.Protocol == Tcp ? nameof(DropReason.FragmentTiny) : null;
        }

        byte[] l4 = r.Ip[r.L4..r.Bytes];
        bool whole = r.Protocol == Sctp ? l4.Length >= 16 : r.Protocol == Tcp ? l4.Length >= 20 && l4.Length >= (l4[12] >> 4) * 4 : l4.Length >= 8;
        bool sound = whole && (r.Protocol == Sctp || (r.Protocol == Tcp ? l4[12] >> 4 >= 5 : Word(l4, 4) >= 8));
        return !whole ? nameof(DropReason.FragmentTiny) : sound ? null : nameof(DropReason.L4HeaderBad);
    }

    private static void Transport(Reading r, byte[] from, byte[] to, int icmp, int longest)
    {
        bool vip = FuzzNetwork.IsVip(to), fragment = r.Datagram != null;
        bool extended = icmp == 58 && r.FragmentOffset != 0 && r.Protocol is 0 or 43 or 44 or 60;
        if (fragment && (r.Protocol is Tcp or Udp or Sctp || extended))
        {
            string? fault = FragmentFault(r, longest);
            if (fault != null || r.FragmentOffset != 0)
            {
                r.Fate = fault ?? (vip ? nameof(DropReason.FragmentUnknown) : "punt");
                r.Kind = fault == null ? FrameKind.LaterFragment : FrameKind.Settled;
                return;
            }
        }
        else if (fragment || r.Protocol is not (Tcp or Udp or Sctp))
        {
            r.Fate = !vip ? "punt" : fragment ? nameof(DropReason.Fragment) : r.Protocol == icmp ? "punt" : nameof(DropReason.ProtocolUnsupported);
            return;
        }

        byte[] l4 = r.Ip[r.L4..r.Bytes];
        bool sound = fragment || (r.Protocol == Sctp ? l4.Length >= 16 : r.Protocol == Tcp
            ? l4.Length >= 20 && (l4[12] >> 4) * 4 is >= 20 and var offset && offset <= l4.Length
            : l4.Length >= 8 && Word(l4, 4) is >= 8 and var bytes && bytes <= l4.Length);
        if (!sound)
        {
            r.Fate = nameof(DropReason.L4HeaderBad);
            return;
        }

        r.Flags = r.Protocol == Tcp ? l4[13] : r.Protocol == Sctp ? Chunk(l4) : 0;
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

    /// <summary>Type of the chunk that says what an SCTP packet is: the first, or an ABORT behind COOKIE ECHO or COOKIE ACK.</summary>
    private static int Chunk(byte[] sctp)
    {
        int length = Word(sctp, 14), second = 12 + ((length + 3) / 4 * 4);
        bool aborts = sctp[12] is 10 or 11 && length >= 4 && sctp.Length >= second + 4 && sctp[second] == 6;
        return aborts ? 6 : sctp[12];
    }

    private static string Client(byte[] address, int port) => $"{Convert.ToHexString(address)}:{port}";

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
