using System.Buffers.Binary;
using System.Globalization;
using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>More frames than a director can take, of all kinds that cost it work, for many advertisement intervals.</summary>
public sealed class FloodTests(ITestOutputHelper output)
{
    private const int FloodMs = 4_000, Threads = 4, EthernetBytes = 14, Ipv4Bytes = 20, FramesPerKind = 256;
    private const byte Icmp = 1, Tcp = 6, Udp = 17;
    private static readonly byte[] s_director = [0x02, 0, 0, 0, 0, 0x02], s_all = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    private static readonly byte[] s_vip = [172, 16, 58, 1], s_dip = [172, 16, 58, 2];

    [Fact]
    public void A_flood_does_not_depose_the_active_director()
    {
        using DirectorPair pair = new();
        pair.Start();
        long sentBefore = DirectorPair.View(pair.First).Counters["advertsSent"];
        using Capture claims = pair.Lab.Claims("p-dir2", DirectorPair.SecondMac);
        long frames = Flood(pair.Lab);
        VrrpGroupView first = DirectorPair.View(pair.First), second = DirectorPair.View(pair.Second);
        CountersView counters = pair.First.Api.Get("v1/counters", ApiJson.Default.CountersView);
        output.WriteLine($"{frames} frames sent in {FloodMs} ms; drops: {string.Join(", ", counters.Drops.Where(d => d.Value != 0).Select(d => $"{d.Key} {d.Value}"))}");
        output.WriteLine($"{first.Counters["advertsSent"] - sentBefore} advertisements sent, {second.Counters["advertsReceived"]} received in all");

        // What was too much: frames that waited at the port in vain, and those that the slow path could not take.
        long arrived = long.Parse(pair.Lab.DirectorHost.Run("cat /sys/class/net/d0/statistics/rx_packets"), CultureInfo.InvariantCulture);
        long lost = arrived - (long)counters.Workers["rxPackets"] + (long)counters.Drops["puntRingFull"];
        Assert.True(lost > arrived / 1_000, $"{lost} of {arrived} frames lost: the director could keep up, this was no flood");
        Assert.Equal(("active", 1L, 0L), (first.State, first.Counters["activeTransitions"], first.Counters["leasesLost"]));
        Assert.Equal(("backup", 0L), (second.State, second.Counters["activeTransitions"]));
        Assert.Empty(claims.Stop());
    }

    /// <summary>A few threads at full speed: frames for the slow path (ARP, echo, the host's) and for the service; returns how many.</summary>
    private static long Flood(S1Lab lab)
    {
        byte[][] frames = [.. Enumerable.Range(1, FramesPerKind).SelectMany(n => (byte[][])[ArpRequest(n), Packet(n, s_vip, Icmp, Echo(n)), Packet(n, s_dip, Udp, Ports(n, 9, 8)), Packet(n, s_vip, Tcp, Syn(n))])];
        long until = Environment.TickCount64 + FloodMs, sent = 0;
        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(_ => lab.Client.StartThread(() =>
        {
            using RawPort port = new(lab.Client, "e0");
            long count = 0;
            for (; Environment.TickCount64 < until; count += frames.Length)
            {
                foreach (byte[] frame in frames)
                {
                    port.TrySend(frame);
                }
            }

            Interlocked.Add(ref sent, count);
        }))];
        Array.ForEach(threads, t => t.Join());
        return sent;
    }

    private static byte[] ArpRequest(int n)
    {
        byte[] frame = Frame(s_all, 0x0806, 28);
        ReadOnlySpan<byte> request = [0, 1, 8, 0, 6, 4, 0, 1];
        request.CopyTo(frame.AsSpan(EthernetBytes));
        frame.AsSpan(6, 6).CopyTo(frame.AsSpan(EthernetBytes + 8));
        Source(n).CopyTo(frame.AsSpan(EthernetBytes + 14));
        s_vip.CopyTo(frame.AsSpan(EthernetBytes + 24));
        return frame;
    }

    private static byte[] Packet(int n, byte[] to, byte protocol, byte[] payload)
    {
        byte[] frame = Frame(s_director, 0x0800, Ipv4Bytes + payload.Length);
        Span<byte> ip = frame.AsSpan(EthernetBytes);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(Ipv4Bytes + payload.Length));
        (ip[8], ip[9]) = (64, protocol);
        Source(n).CopyTo(ip[12..]);
        to.CopyTo(ip[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksum(ip[..Ipv4Bytes]));
        payload.CopyTo(ip[Ipv4Bytes..]);
        return frame;
    }

    private static byte[] Echo(int n)
    {
        byte[] echo = [8, 0, 0, 0, 0, 1, (byte)(n >> 8), (byte)n];
        BinaryPrimitives.WriteUInt16BigEndian(echo.AsSpan(2), Checksum(echo));
        return echo;
    }

    private static byte[] Syn(int n)
    {
        byte[] syn = [.. Ports(n, 80, 0)[..4], .. new byte[8], 5 << 4, 2, 1, 0, 0, 0, 0, 0];   // a checksum nobody looks at on the way
        return syn;
    }

    /// <summary>A UDP header, the checksum not used.</summary>
    private static byte[] Ports(int n, int to, int bytes) => [(byte)((1_024 + n) >> 8), (byte)(1_024 + n), 0, (byte)to, 0, (byte)bytes, 0, 0];

    private static byte[] Source(int n) => [172, 16, 77, (byte)n];

    private static byte[] Frame(byte[] to, ushort etherType, int bytes)
    {
        byte[] frame = new byte[Math.Max(60, EthernetBytes + bytes)];
        to.CopyTo(frame, 0);
        ((ReadOnlySpan<byte>)[0x02, 0, 0, 0, 0, 0x77]).CopyTo(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), etherType);
        return frame;
    }

    private static ushort Checksum(ReadOnlySpan<byte> bytes)
    {
        uint sum = 0;
        for (int i = 0; i + 1 < bytes.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
        }

        sum = (sum & 0xFFFF) + (sum >> 16);
        return (ushort)~(sum + (sum >> 16));
    }
}
