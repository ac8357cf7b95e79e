using System.Buffers.Binary;

namespace Forwarder.Process.Tests;

/// <summary>Files of captured frames (libpcap's classic format), for net_pcap.</summary>
public static class PcapFile
{
    private const int FileHeaderBytes = 24, RecordHeaderBytes = 16;

    /// <summary>Writes a file with these frames.</summary>
    public static void Write(string path, IEnumerable<byte[]> frames)
    {
        using FileStream file = File.Create(path);
        byte[] header = new byte[FileHeaderBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(header, 0xA1B2_C3D4);
        (header[4], header[6]) = (2, 4);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(16), 65_535);
        header[20] = 1; // Ethernet
        file.Write(header);
        foreach (byte[] frame in frames)
        {
            byte[] record = new byte[RecordHeaderBytes];
            BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(8), frame.Length);
            BinaryPrimitives.WriteInt32LittleEndian(record.AsSpan(12), frame.Length);
            file.Write(record);
            file.Write(frame);
        }
    }

    /// <summary>The whole frames that a file has so far.</summary>
    public static List<byte[]> Read(string path)
    {
        List<byte[]> frames = [];
        using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] file = new byte[stream.Length];
        file = file[..stream.ReadAtLeast(file, file.Length, throwOnEndOfStream: false)];
        for (int at = FileHeaderBytes; at + RecordHeaderBytes <= file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 8));
            at += RecordHeaderBytes;
            if (at + length <= file.Length)
            {
                frames.Add(file[at..(at + length)]);
            }

            at += length;
        }

        return frames;
    }
}
