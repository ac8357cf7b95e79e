using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>The network that the tests play: a client, a VIP and two real servers on one Ethernet.</summary>
public static class Lan
{
    public const string Own = "10.0.0.2", Vip = "10.0.0.100", Client = "10.0.0.50";
    public const int HttpPort = 80;
    public static readonly string[] Servers = ["10.0.0.11", "10.0.0.12"];

    private const int EthernetBytes = 14, ArpBytes = 28;

    /// <summary>MAC address that the test gives to an IPv4 address.</summary>
    public static ulong MacOf(string address) => 0x0A02UL | ((ContentBuilder.Words(address).High & 0xFFFF_FFFF) << 16);

    /// <summary>A virtual service with the two servers.</summary>
    public static SnapshotContent Content(params int[] weights)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own);
        builder.Service(Vip, HttpPort, Wire.Tcp, servers: [.. Servers.Select((s, i) => ((int)lan, s, weights.Length == 0 ? 1 : weights[i]))]);
        return builder.Content;
    }

    /// <summary>A TCP segment of a client to the VIP.</summary>
    public static byte[] Segment(int clientPort, byte flags = Wire.Syn, int payloadBytes = 10) =>
        Frames.L4(Client, clientPort, Vip, HttpPort, tcpFlags: flags, payloadBytes: payloadBytes, destinationMac: Bed.DataplaneMac, sourceMac: MacOf(Client));

    /// <summary>Whether a frame is a TCP segment to the VIP from this client port.</summary>
    public static bool IsSegment(byte[] frame, int clientPort) =>
        frame.Length >= 54 && EtherType(frame) == 0x0800 && frame[23] == Wire.Tcp && BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34)) == clientPort;

    /// <summary>Destination MAC address of a frame, first byte lowest.</summary>
    public static ulong Destination(byte[] frame) => BinaryPrimitives.ReadUInt64LittleEndian(frame) & 0xFFFF_FFFF_FFFF;

    /// <summary>Source MAC address of a frame, first byte lowest.</summary>
    public static ulong Source(byte[] frame) => BinaryPrimitives.ReadUInt64LittleEndian(frame.AsSpan(6)) & 0xFFFF_FFFF_FFFF;

    /// <summary>EtherType of an untagged frame.</summary>
    public static int EtherType(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12));

    /// <summary>An ARP request or reply.</summary>
    public static byte[] Arp(int operation, string sender, string target, ulong senderMac, ulong destinationMac)
    {
        byte[] frame = new byte[60];
        BinaryPrimitives.WriteUInt64LittleEndian(frame, destinationMac);
        BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(6), senderMac);
        Span<byte> arp = frame.AsSpan(EthernetBytes);
        new byte[] { 0, 1, 8, 0, 6, 4, 0, (byte)operation }.CopyTo(arp);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0806);
        BinaryPrimitives.WriteUInt64LittleEndian(arp[8..], senderMac);
        BinaryPrimitives.WriteUInt32LittleEndian(arp[14..], (uint)ContentBuilder.Words(sender).High);
        BinaryPrimitives.WriteUInt64LittleEndian(arp[18..], operation == 1 ? 0 : destinationMac);
        BinaryPrimitives.WriteUInt32LittleEndian(arp[24..], (uint)ContentBuilder.Words(target).High);
        return frame;
    }

    /// <summary>Answers a frame if it is an ARP request for one of the hosts that the test plays.</summary>
    public static void AnswerArp(PacketSocket wire, byte[] frame)
    {
        if (frame.Length < EthernetBytes + ArpBytes || EtherType(frame) != 0x0806 || frame[21] != 1)
        {
            return;
        }

        foreach (string host in Servers.Append(Client))
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(38)) == (uint)ContentBuilder.Words(host).High)
            {
                wire.Send(Arp(2, host, Own, MacOf(host), Source(frame)));
            }
        }
    }

    /// <summary>Sends a segment of a client and returns it as it comes back for a server. ARP requests are answered meanwhile.</summary>
    public static byte[] Forward(Bed bed, int clientPort, byte flags = Wire.Syn)
    {
        bed.Wire.Send(Segment(clientPort, flags));
        return bed.Wire.Receive(f => IsSegment(f, clientPort), $"segment of client port {clientPort}", f => AnswerArp(bed.Wire, f));
    }

    /// <summary>Waits until the servers' MAC addresses are known, answering ARP.</summary>
    public static void Resolve(Bed bed) => Wait.Until(
        () =>
        {
            bed.Wire.TryReceive(f => false, f => AnswerArp(bed.Wire, f), 10);
            return NeighbourWord.IsUsable(bed.Region.Neighbours[1]) && NeighbourWord.IsUsable(bed.Region.Neighbours[2]);
        },
        "both servers are resolved");
}
