using System.Buffers.Binary;
using Forwarder.Vrrp;

namespace Forwarder.Fuzz.Tests;

/// <summary>Why a packet must not be taken (RFC 9568 section 7.1), read a second time and from the bytes alone.</summary>
public static class VrrpRules
{
    /// <summary>The first reason, or null.</summary>
    public static string? Objection(byte[] packet, VrrpConfig config)
    {
        bool v6 = packet[0] >> 4 == 6;
        int head = v6 ? 40 : (packet[0] & 15) * 4;
        int end = v6 ? 40 + Word(packet, 4) : Word(packet, 2);
        if (v6 != config.IsIPv6 || (!v6 && packet[0] >> 4 != 4) || end > packet.Length || end < head + 8)
        {
            return "IP header";
        }

        if (!v6 && (head < 20 || (Word(packet, 6) & 0x3FFF) != 0 || Sum(packet.AsSpan(0, head)) != 0xFFFF))
        {
            return "IPv4 header";
        }

        byte[] message = packet[head..end];
        if (packet[v6 ? 6 : 9] != 112 || packet[v6 ? 7 : 8] < config.MinTtl)
        {
            return "protocol or TTL";
        }

        int version = message[0] >> 4;
        if ((message[0] & 15) != 1 || message[1] != config.Vrid || (version != (int)config.Version && !(version == 2 && config.AlsoVersion2)))
        {
            return "version, type or VRID";
        }

        if (message.Length != 8 + (message[3] * (v6 ? 16 : 4)) + (version == 2 ? 8 : 0))
        {
            return "length";
        }

        byte[] pseudo = version == 2 || (!v6 && config.ChecksumForm == VrrpChecksumForm.MessageOnly)
            ? []
            : [.. v6 ? packet[8..40] : packet[12..20], 0, 0, (byte)(message.Length >> 8), (byte)message.Length, 0, 0, 0, 112];
        if (Sum([.. pseudo, .. message]) != 0xFFFF)
        {
            return "checksum";
        }

        if (version == 2 && (message[4] != (byte)config.AuthType || (message[4] == 1 && !message.AsSpan(^8..).StartsWith(config.AuthData.Span))))
        {
            return "password";
        }

        return Interval(message, version, config);
    }

    private static string? Interval(byte[] message, int version, VrrpConfig config)
    {
        int intervalCs = version == 2 ? message[5] * 100 : Word(message, 4) & 0xFFF;
        bool mustBeOurs = config.Version == VrrpVersion.V2 && !config.LearnInterval;
        return intervalCs == 0 || (mustBeOurs && intervalCs != config.IntervalCs) ? "interval" : null;
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
