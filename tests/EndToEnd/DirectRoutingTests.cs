using System.Text.RegularExpressions;
using Forwarder.Api;
using Forwarder.Lab;
using Capture = Forwarder.Lab.Capture;

namespace Forwarder.EndToEnd.Tests;

/// <summary>S1 as its users describe it: three ipvsadm lines, a client that reloads the page.</summary>
public sealed class DirectRoutingTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int Requests = 6_000;
    private const double ShareTolerancePoints = 3;

    [Fact]
    public void The_three_lines_make_a_director()
    {
        bed.Ipvsadm("-C");
        bed.Ipvsadm("-A -t 172.16.58.1:80 -s wlc");
        bed.Ipvsadm("-a -t 172.16.58.1:80 -r 172.16.58.7 -g -w 2");
        bed.Ipvsadm("-a -t 172.16.58.1:80 -r 172.16.58.8 -g -w 1");

        Assert.Equal(
            """
            IP Virtual Server version 1.2.1 (size=4096)
            Prot LocalAddress:Port Scheduler Flags
              -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
            TCP  172.16.58.1:80 wlc
              -> 172.16.58.7:80               Route   2      N          N         
              -> 172.16.58.8:80               Route   1      N          N         

            """,
            WithoutCounts(bed.Ipvsadm("-L -n")));

        bed.Lab.Client.Try($"ip neigh flush to {S1Lab.Vip}");
        using HttpLoad load = new(bed.Lab.Client, S1Lab.Vip, clients: 1, requests: Requests);
        IReadOnlyList<LoadPhase> phases = load.Join();
        bed.AssertNoFailure(phases);
        Assert.InRange(phases[0].SharePercent("rs7"), (200.0 / 3) - ShareTolerancePoints, (200.0 / 3) + ShareTolerancePoints);
        Assert.Equal(Requests, phases[0].Answers["rs7"] + phases[0].Answers["rs8"]);
        Assert.Contains($"lladdr {S1Lab.DirectorMac} ", bed.Lab.Client.Ip($"neigh show {S1Lab.Vip}"), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_Ethernet_addresses_change()
    {
        bed.Ipvsadm("-C");
        bed.AddWebService("mh");
        IReadOnlyList<byte[]> frames;
        ulong dropsBefore = Drops();
        using (Capture capture = new(bed.Lab.Switch, "p-dir", "tcp port 80", bed.Lab.Folder))
        {
            using HttpLoad load = new(bed.Lab.Client, S1Lab.Vip, clients: 2, requests: 50);
            bed.AssertNoFailure(load.Join());
            frames = capture.Stop();
        }

        List<byte[]> received = [.. frames.Where(f => Pcap.Destination(f) == S1Lab.DirectorMac)];
        List<byte[]> sent = [.. frames.Where(f => Pcap.Source(f) == S1Lab.DirectorMac)];
        Assert.True(received.Count > 200, $"{received.Count} frames received");
        // Each frame that was sent is one that was received; what was not sent is counted.
        Dictionary<string, int> open = received.CountBy(Pcap.FromEtherType).ToDictionary();
        Assert.All(sent, f => Assert.True(open.GetValueOrDefault(Pcap.FromEtherType(f)) > 0 && open[Pcap.FromEtherType(f)]-- > 0, $"sent, but not received so: {Pcap.FromEtherType(f)}"));
        Assert.Equal(received.Count - sent.Count, (int)(Drops() - dropsBefore));
        Assert.Equal(["02:00:00:00:00:07", "02:00:00:00:00:08"], sent.Select(Pcap.Destination).Distinct().Order());
        Assert.Equal(frames.Count, received.Count + sent.Count);   // no answer of a server came this way
    }

    [Fact]
    public void Answers_come_straight_from_the_real_servers()
    {
        bed.Ipvsadm("-C");
        bed.AddWebService("mh");
        using Capture capture = new(bed.Lab.Client, "e0", "tcp src port 80", bed.Lab.Folder);
        using HttpLoad load = new(bed.Lab.Client, S1Lab.Vip, clients: 2, requests: 50);
        bed.AssertNoFailure(load.Join());
        Assert.Equal(["02:00:00:00:00:07", "02:00:00:00:00:08"], capture.Stop().Select(Pcap.Source).Distinct().Order());
    }

    private ulong Drops() => bed.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).Drops.Values.Aggregate(0UL, (a, b) => a + b);

    /// <summary>A service that comes back finds the connections that its real servers still have, as in IPVS: other tests' ones.</summary>
    private static string WithoutCounts(string list) =>
        Regex.Replace(list, @"(?<=Route +\d+ +)\d+( +)(\d+)( *)$", m => $"N{m.Groups[1].Value}N{new string(' ', m.Groups[2].Length + m.Groups[3].Length - 1)}", RegexOptions.Multiline);
}
