using System.Globalization;
using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>More frames than a director can take, of all kinds that cost it work, for many advertisement intervals.</summary>
public sealed class FloodTests(ITestOutputHelper output)
{
    private const int FloodMs = 4_000, Threads = 4, FramesPerKind = 256;
    private const string Dip = "172.16.58.2", Mac = "02:00:00:00:00:77";
    private static readonly byte[] s_mac = [0x02, 0, 0, 0, 0, 0x77];

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
        byte[][] frames = [.. Enumerable.Range(1, FramesPerKind).SelectMany(Frames)];
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

    /// <summary>One of each kind from a client of its own.</summary>
    private static byte[][] Frames(int n)
    {
        string client = $"172.16.77.{n % 256}";
        int port = 1_024 + n;
        return
        [
            ArpProbe.Request(s_mac, client, S1Lab.Vip),
            .. ((byte[][])[Packet.Echo(client, S1Lab.Vip, n), Packet.UdpDatagram(client, port, Dip, 9), SynProbe.WithWrongSum(Packet.TcpSegment(client, port, S1Lab.Vip, 80, Packet.Syn))])
                .Select(p => Packet.Frame(DirectorPair.FirstMac, Mac, p)),
        ];
    }
}
