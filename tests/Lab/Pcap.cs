using System.Buffers.Binary;

namespace Forwarder.Lab;

/// <summary>Reads what tcpdump wrote: a 24-byte header, then 16 bytes and the frame for each packet (pcap-savefile(5)).</summary>
public static class Pcap
{
    private const int FileHeaderBytes = 24, PacketHeaderBytes = 16, CapturedLengthOffset = 8;

    /// <summary>The frames of a file.</summary>
    public static IReadOnlyList<byte[]> Read(string path) => [.. ReadTimed(path).Select(f => f.Frame)];

    /// <summary>The frames of a file with their times in µs.</summary>
    public static IReadOnlyList<(long TimeUs, byte[] Frame)> ReadTimed(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        List<(long, byte[])> frames = [];
        for (int at = FileHeaderBytes; at + PacketHeaderBytes <= file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + CapturedLengthOffset));
            long timeUs = (BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at)) * 1_000_000L) + BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(at + 4));
            frames.Add((timeUs, file[(at + PacketHeaderBytes)..(at + PacketHeaderBytes + length)]));
            at += PacketHeaderBytes + length;
        }

        return frames;
    }

    /// <summary>Fields of those frames of a file that fit, by an independent dissector (tshark), which checks checksums.</summary>
    public static IReadOnlyList<string[]> Dissect(string path, string filter, params string[] fields)
    {
        string output = Shell.Run(["tshark", "-r", path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-Y", filter, "-T", "fields", .. fields.SelectMany(f => new[] { "-e", f })]);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t'))];
    }

    /// <summary>Destination MAC address.</summary>
    public static string Destination(byte[] frame) => Mac(frame.AsSpan(0, 6));

    /// <summary>Source MAC address.</summary>
    public static string Source(byte[] frame) => Mac(frame.AsSpan(6, 6));

    /// <summary>Everything from the EtherType on, as text to compare by.</summary>
    public static string FromEtherType(byte[] frame) => Convert.ToHexString(frame.AsSpan(12));

    /// <summary>Source port of an IPv4 TCP segment without IP options.</summary>
    public static int TcpSourcePort(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(34));

    /// <summary>Destination port of an IPv4 TCP segment without IP options.</summary>
    public static int TcpDestinationPort(byte[] frame) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(36));

    private static string Mac(ReadOnlySpan<byte> bytes) => string.Join(':', bytes.ToArray().Select(b => $"{b:x2}"));
}
