using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// What should become of a frame, told by a second reading of the rules that is slow, bounds-checked and shares nothing
/// with the engine but names. The VIPs are <see cref="Vip4"/> and <see cref="Vip6"/>; services are TCP 80 and UDP 53.
/// </summary>
public static class ExpectedVerdict
{
    public static readonly byte[] Vip4 = [172, 16, 58, 1];
    public static readonly byte[] Vip6 = Convert.FromHexString("fd160000000000000000000000000100");
    private static readonly byte[] s_own = [2, 0, 0, 0, 0, 1];

    /// <summary>"forward", "punt" or a drop reason's name.</summary>
    public static string Of(byte[] frame)
    {
        if (frame.Length < 14)
        {
            return nameof(DropReason.Truncated);
        }

        int l3 = Word(frame, 12) == 0x8100 ? 18 : 14;
        if (frame.Length < l3)
        {
            return nameof(DropReason.Truncated);
        }

        if (!frame.AsSpan(0, 6).SequenceEqual(s_own))
        {
            return (frame[0] & 1) != 0 ? "punt" : nameof(DropReason.NotOurMac);
        }

        byte[] packet = frame[l3..];
        return Word(frame, l3 - 2) switch { 0x0800 => Ipv4(packet), 0x86DD => Ipv6(packet), _ => "punt" };
    }

    private static string Ipv4(byte[] ip)
    {
        if (ip.Length < 20)
        {
            return nameof(DropReason.Truncated);
        }

        int header = (ip[0] & 15) * 4, total = Word(ip, 2);
        if (ip[0] >> 4 != 4)
        {
            return nameof(DropReason.IpVersionBad);
        }

        if (header < 20 || header > ip.Length)
        {
            return nameof(DropReason.Ipv4HeaderLengthBad);
        }

        if (total < header || total > ip.Length)
        {
            return nameof(DropReason.IpLengthBad);
        }

        bool vip = ip.AsSpan(16, 4).SequenceEqual(Vip4);
        return Upper(vip, ip[9], ip[header..total], (Word(ip, 6) & 0x3FFF) != 0, 1, ip.Length);
    }

    private static string Ipv6(byte[] ip)
    {
        if (ip.Length < 40)
        {
            return nameof(DropReason.Truncated);
        }

        int end = 40 + Word(ip, 4);
        if (ip[0] >> 4 != 6)
        {
            return nameof(DropReason.IpVersionBad);
        }

        if (end > ip.Length)
        {
            return nameof(DropReason.IpLengthBad);
        }

        int at = 40, next = ip[6], extensions = 0;
        bool fragment = false;
        while (!fragment && next is 0 or 43 or 44 or 60)
        {
            int bytes = end - at < 8 ? 0 : next == 44 ? 8 : (ip[at + 1] + 1) * 8;
            if (++extensions > 4 || bytes == 0 || at + bytes > end)
            {
                return nameof(DropReason.Ipv6ExtensionBad);
            }

            fragment = next == 44 && (Word(ip, at + 2) & 0xFFF9) != 0;
            next = ip[at];
            at += bytes;
        }

        return Upper(ip.AsSpan(24, 16).SequenceEqual(Vip6), next, ip[at..end], fragment, 58, ip.Length);
    }

    private static string Upper(bool vip, int protocol, byte[] l4, bool fragment, int icmp, int ipBytes)
    {
        if (fragment || protocol is not (6 or 17))
        {
            return !vip ? "punt" : fragment ? nameof(DropReason.Fragment) : protocol == icmp ? "punt" : nameof(DropReason.ProtocolUnsupported);
        }

        bool sound = protocol == 6 ? l4.Length >= 20 && (l4[12] >> 4) * 4 is >= 20 and var offset && offset <= l4.Length : l4.Length >= 8 && Word(l4, 4) is >= 8 and var bytes && bytes <= l4.Length;
        if (!sound)
        {
            return nameof(DropReason.L4HeaderBad);
        }

        return !vip ? "punt" : Word(l4, 2) != (protocol == 6 ? 80 : 53) ? nameof(DropReason.NoService) : ipBytes > 1500 ? nameof(DropReason.TooBig) : "forward";
    }

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
