using System.Buffers.Binary;
using System.Net;

namespace Forwarder.TestSupport;

/// <summary>A TCP segment in its IP packet, written and read field by field and apart from the engine.</summary>
public sealed record Segment(IPEndPoint From, IPEndPoint To)
{
    /// <summary>Flags (RFC 9293 section 3.1).</summary>
    public const byte Fin = 1, Syn = 2, Rst = 4, Psh = 8, Ack = 16, Urg = 32;

    /// <summary>Numbers and fields of the header.</summary>
    public uint Sequence { get; init; }

    /// <inheritdoc cref="Sequence"/>
    public uint Acknowledgment { get; init; }

    /// <inheritdoc cref="Sequence"/>
    public byte Flags { get; init; } = Ack;

    /// <inheritdoc cref="Sequence"/>
    public ushort Window { get; init; } = 64_000;

    /// <inheritdoc cref="Sequence"/>
    public ushort Urgent { get; init; }

    /// <summary>TTL or hop limit.</summary>
    public int Ttl { get; init; } = 64;

    /// <summary>Options, a multiple of four bytes.</summary>
    public byte[] Options { get; init; } = [];

    /// <summary>Data.</summary>
    public byte[] Data { get; init; } = [];

    /// <summary>The IP packet with right checksums.</summary>
    public byte[] ToPacket()
    {
        byte[] l4 = new byte[20 + Options.Length + Data.Length];
        BinaryPrimitives.WriteUInt16BigEndian(l4, (ushort)From.Port);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(2), (ushort)To.Port);
        BinaryPrimitives.WriteUInt32BigEndian(l4.AsSpan(4), Sequence);
        BinaryPrimitives.WriteUInt32BigEndian(l4.AsSpan(8), Acknowledgment);
        (l4[12], l4[13]) = ((byte)((20 + Options.Length) / 4 << 4), Flags);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(14), Window);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(18), Urgent);
        Options.CopyTo(l4, 20);
        Data.CopyTo(l4, 20 + Options.Length);
        string from = From.Address.ToString(), to = To.Address.ToString();
        return Ip.Finish(from.Contains(':', StringComparison.Ordinal) ? Ip.V6(from, to, 6, l4, hopLimit: Ttl) : Ip.V4(from, to, 6, l4, dontFragment: true, ttl: Ttl));
    }

    /// <summary>Reads a packet; it must have right lengths and checksums and no other headers.</summary>
    public static Segment Of(ReadOnlySpan<byte> packet)
    {
        bool v4 = packet[0] >> 4 == 4;
        ReadOnlySpan<byte> l4 = packet[(v4 ? 20 : 40)..];
        int header = (l4[12] >> 4) * 4, address = v4 ? 4 : 16;
        Segment read = new(
            new IPEndPoint(new IPAddress(packet.Slice(v4 ? 12 : 8, address)), BinaryPrimitives.ReadUInt16BigEndian(l4)),
            new IPEndPoint(new IPAddress(packet.Slice(v4 ? 16 : 24, address)), BinaryPrimitives.ReadUInt16BigEndian(l4[2..])))
        {
            Sequence = BinaryPrimitives.ReadUInt32BigEndian(l4[4..]), Acknowledgment = BinaryPrimitives.ReadUInt32BigEndian(l4[8..]), Flags = l4[13],
            Window = BinaryPrimitives.ReadUInt16BigEndian(l4[14..]), Urgent = BinaryPrimitives.ReadUInt16BigEndian(l4[18..]), Ttl = packet[v4 ? 8 : 7], Options = l4[20..header].ToArray(), Data = l4[header..].ToArray(),
        };
        byte[] again = read.ToPacket();
        packet.Slice(v4 ? 4 : 0, v4 ? 2 : 4).CopyTo(again.AsSpan(v4 ? 4 : 0)); // identification and don't-fragment, traffic class and flow label: not of interest
        if (v4)
        {
            again[6] = packet[6];
            again = Ip.Finish4(again);
        }

        return packet.SequenceEqual(again) ? read : throw new InvalidDataException($"Wrong length or checksum: {Convert.ToHexString(packet)}, right would be {Convert.ToHexString(again)}.");
    }

    /// <summary>TOA: the option that has an address and port, as DPVS and its kernel module know it.</summary>
    public static byte[] AddressOption(IPEndPoint client)
    {
        byte[] address = client.Address.GetAddressBytes();
        return [254, (byte)(4 + address.Length), (byte)(client.Port >> 8), (byte)client.Port, .. address];
    }

    /// <summary>The header of the PROXY protocol, version 2, for a connection, after section 2.2 of its specification.</summary>
    public static byte[] ProxyHeader(IPEndPoint client, IPEndPoint service, byte transport = 1)
    {
        bool v4 = client.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork;
        byte[] addresses = [.. client.Address.GetAddressBytes(), .. service.Address.GetAddressBytes(), (byte)(client.Port >> 8), (byte)client.Port, (byte)(service.Port >> 8), (byte)service.Port];
        return [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, (byte)((v4 ? 0x10 : 0x20) | transport), 0, (byte)addresses.Length, .. addresses];
    }
}
