using System.Buffers.Binary;
using Forwarder.Vrrp;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// What should become of a VRRP packet (RFC 9568 section 7.1, RFC 3768 section 7.1), told by a second reading of the
/// rules that is slow and takes everything from the bytes. It shares nothing with the product but names.
/// </summary>
public static class VrrpRules
{
    private static readonly byte[] s_group4 = [224, 0, 0, 18];
    private static readonly byte[] s_group6 = Convert.FromHexString("ff020000000000000000000000000012");

    /// <summary>What a good packet tells an instance.</summary>
    public readonly record struct Advertised(VrrpVersion Version, byte Priority, int IntervalCs, VrrpAddress Source);

    /// <summary>What a packet says for which <see cref="Expected"/> is none.</summary>
    public static Advertised Says(byte[] packet)
    {
        bool v6 = packet[0] >> 4 == 6;
        byte[] message = v6 ? packet[40..] : packet[((packet[0] & 15) * 4)..];
        int intervalCs = message[0] >> 4 == 2 ? message[5] * 100 : Word(message, 4) & 0xFFF;
        string source = new System.Net.IPAddress(v6 ? packet[8..24] : packet[12..16]).ToString();
        return new Advertised((VrrpVersion)(message[0] >> 4), message[2], intervalCs, VrrpAddress.Parse(source));
    }

    /// <summary>The answer that a receiver with these instances must give.</summary>
    public static VrrpDecodeError Expected(byte[] packet, IReadOnlyList<VrrpConfig> instances)
    {
        int ipVersion = packet.Length == 0 ? 0 : packet[0] >> 4;
        if (!(ipVersion == 6 ? IsHeader6(packet) : ipVersion == 4 && IsHeader4(packet)))
        {
            return VrrpDecodeError.BadIpHeader;
        }

        bool v6 = ipVersion == 6;
        byte[] message = v6 ? packet[40..(40 + Word(packet, 4))] : packet[((packet[0] & 15) * 4)..Word(packet, 2)];
        if (packet[v6 ? 6 : 9] != 112)
        {
            return VrrpDecodeError.NotVrrp;
        }

        VrrpConfig? ours = message.Length < 2 ? null : instances.SingleOrDefault(c => c.Vrid == message[1] && c.IsIPv6 == v6);
        if (packet[v6 ? 7 : 8] < (ours is { UnicastPeers.Count: > 0 } ? ours.UnicastMinTtl : 255))
        {
            return VrrpDecodeError.BadTtl;
        }

        VrrpDecodeError error = Message(message, v6);
        if (error != VrrpDecodeError.None)
        {
            return error;
        }

        byte[] from = v6 ? packet[8..24] : packet[12..16], to = v6 ? packet[24..40] : packet[16..20];
        error = Checksum(message, from, to, ours?.ChecksumForm ?? VrrpChecksumForm.PseudoHeader);
        return ours == null ? (error == VrrpDecodeError.BadChecksum ? error : VrrpDecodeError.BadVrid) : error != VrrpDecodeError.None ? error : Configured(message, from, to, ours);
    }

    private static bool IsHeader4(byte[] packet)
    {
        int head = (packet[0] & 15) * 4;
        return head >= 20 && packet.Length >= head && Word(packet, 2) >= head && Word(packet, 2) <= packet.Length
            && (Word(packet, 6) & 0x3FFF) == 0 && Sum(packet.AsSpan(0, head)) == 0xFFFF;
    }

    private static bool IsHeader6(byte[] packet) => packet.Length >= 40 && 40 + Word(packet, 4) <= packet.Length;

    /// <summary>What the message says of itself.</summary>
    private static VrrpDecodeError Message(byte[] message, bool v6)
    {
        if (message.Length < 8)
        {
            return VrrpDecodeError.BadLength;
        }

        int version = message[0] >> 4;
        if (version != 3 && !(version == 2 && !v6))
        {
            return VrrpDecodeError.BadVersion;
        }

        if ((message[0] & 15) != 1)
        {
            return VrrpDecodeError.BadType;
        }

        return message.Length == 8 + (message[3] * (v6 ? 16 : 4)) + (version == 2 ? 8 : 0) ? VrrpDecodeError.None : VrrpDecodeError.BadLength;
    }

    private static VrrpDecodeError Checksum(byte[] message, byte[] from, byte[] to, VrrpChecksumForm form)
    {
        bool alone = Sum(message) == 0xFFFF;
        bool withAddresses = Sum([.. from, .. to, 0, 0, (byte)(message.Length >> 8), (byte)message.Length, 0, 0, 0, 112, .. message]) == 0xFFFF;
        bool v6 = from.Length == 16, choice = message[0] >> 4 == 3 && !v6;
        bool good = message[0] >> 4 == 2 || (choice && form == VrrpChecksumForm.MessageOnly) ? alone : withAddresses;
        return good ? VrrpDecodeError.None : choice && (alone || withAddresses) ? VrrpDecodeError.ChecksumFormMismatch : VrrpDecodeError.BadChecksum;
    }

    /// <summary>What the instance demands.</summary>
    private static VrrpDecodeError Configured(byte[] message, byte[] from, byte[] to, VrrpConfig config)
    {
        bool v6 = from.Length == 16, unicast = config.UnicastPeers.Count > 0;
        if (!to.AsSpan().SequenceEqual(unicast ? Bytes(config.PrimaryAddress) : v6 ? s_group6 : s_group4))
        {
            return VrrpDecodeError.BadDestination;
        }

        if (unicast && !config.UnicastPeers.Any(p => Bytes(p).AsSpan().SequenceEqual(from)))
        {
            return VrrpDecodeError.UnknownPeer;
        }

        int version = message[0] >> 4;
        if (version != (int)config.Version && !(version == 2 && config.AlsoVersion2))
        {
            return VrrpDecodeError.VersionMismatch;
        }

        VrrpDecodeError error = version == 2 ? Password(message, config) : VrrpDecodeError.None;
        if (error != VrrpDecodeError.None)
        {
            return error;
        }

        int intervalCs = version == 2 ? message[5] * 100 : Word(message, 4) & 0xFFF;
        bool mustBeOurs = config.Version == VrrpVersion.V2 && !config.LearnInterval;
        if (intervalCs == 0 || (mustBeOurs && intervalCs != config.IntervalCs))
        {
            return VrrpDecodeError.IntervalMismatch;
        }

        return config.CheckAddressList && !SameAddresses(message, v6 ? 16 : 4, config) ? VrrpDecodeError.AddressListMismatch : VrrpDecodeError.None;
    }

    private static VrrpDecodeError Password(byte[] message, VrrpConfig config)
    {
        if (message[4] > 2)
        {
            return VrrpDecodeError.InvalidAuthType;
        }

        if (message[4] != (byte)config.AuthType)
        {
            return VrrpDecodeError.AuthTypeMismatch;
        }

        byte[] password = [.. config.AuthData.Span, .. new byte[8 - config.AuthData.Length]];
        return message[4] == 0 || message.AsSpan(^8..).SequenceEqual(password) ? VrrpDecodeError.None : VrrpDecodeError.AuthFailure;
    }

    /// <summary>As sets: the configured ones are distinct, so lists of the same length with the same members are the same.</summary>
    private static bool SameAddresses(byte[] message, int bytes, VrrpConfig config) =>
        message[3] == config.Addresses.Count
        && Enumerable.Range(0, message[3]).Select(n => Convert.ToHexString(message, 8 + (n * bytes), bytes)).ToHashSet()
            .SetEquals(config.Addresses.Select(a => Convert.ToHexString(Bytes(a))));

    private static byte[] Bytes(VrrpAddress address)
    {
        byte[] bytes = new byte[address.Bytes];
        address.Write(bytes);
        return bytes;
    }

    /// <summary>One's complement sum; 0xFFFF over data whose checksum is right.</summary>
    public static uint Sum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += (uint)(bytes[i] << (i % 2 == 0 ? 8 : 0));
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return sum;
    }

    private static int Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
}
