using System.Diagnostics;
using System.Globalization;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>
/// Virtual-IP drift: directors 192.168.1.1 and .2, virtual address 192.168.1.253, a host 192.168.1.3 that pings it and loads a
/// web page from it all the while and changes nothing.
/// </summary>
public sealed class ScenarioDriftTests : IDisposable
{
    private const string Vip = "192.168.1.253", ServerAddress = "192.168.1.7";
    private const int PingEveryMs = 10, IntervalMs = 200, SlackMs = 100;

    /// <summary>Master_Down_Interval of priority 100.</summary>
    private const double MasterDownMs = (3 * IntervalMs) + (IntervalMs * (256 - 100) / 256.0);

    private readonly S1Lab _lab = new();
    private readonly Director _first, _second;
    private readonly Netns _host;

    public ScenarioDriftTests()
    {
        _first = _lab.Director;
        _second = _lab.AddDirector("dir2", DirectorHa.SecondMac);
        _first.Configuration = Configuration("192.168.1.1", 200);
        _second.Configuration = Configuration("192.168.1.2", 100);
        _host = _lab.Host("host", "e0", "02:00:00:00:00:30", "192.168.1.3/24", "fd20::3/64");
        Netns server = _lab.RealServers[0].Netns;
        server.Ip($"addr add {ServerAddress}/24 dev e0");
        server.Ip($"addr add {Vip}/32 dev lo");
    }

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void The_virtual_address_drifts_to_the_director_that_lives_and_back()
    {
        _first.Start();
        _second.Start();
        DirectorHa.WaitFor(_first, "active");
        DirectorHa.WaitFor(_second, "backup");
        AssertOnlyOneAnswers(DirectorHa.FirstMac);

        using Process ping = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", _host.Name, "ping", "-n", "-D", "-i", (PingEveryMs / 1000.0).ToString(CultureInfo.InvariantCulture), Vip]) { RedirectStandardOutput = true })!;
        List<double> answers = [];
        Thread reading = new(() =>
        {
            while (ping.StandardOutput.ReadLine() is { } line)
            {
                if (line.Contains("icmp_seq=", StringComparison.Ordinal) && line.StartsWith('['))
                {
                    lock (answers)
                    {
                        answers.Add(double.Parse(line[1..line.IndexOf(']')], CultureInfo.InvariantCulture));
                    }
                }
            }
        });
        reading.Start();
        using HttpLoad load = new(_host, Vip, clients: 2);
        using Jitter jitter = new();
        load.WaitFor(200);

        using (Capture announced = Announcements(DirectorHa.SecondMac))
        {
            Shell.Run($"kill -9 {_first.ControlPid} {_first.DataplanePid}");     // the machine dies
            DirectorHa.WaitFor(_second, "active");
            load.WaitFor(200);
            AssertNeighbourIs(DirectorHa.SecondMac);
            Assert.True(announced.Stop().Count >= 5, "gratuitous ARP of the second");
        }

        double outageMs = LongestGapMs(answers);
        Assert.InRange(outageMs, 0, MasterDownMs + PingEveryMs + SlackMs + jitter.ExcusedMs);
        AssertOnlyOneAnswers(DirectorHa.SecondMac);

        using (Capture announced = Announcements(DirectorHa.FirstMac))
        {
            _first.Start();
            DirectorHa.WaitFor(_first, "active");
            DirectorHa.WaitFor(_second, "backup");
            load.WaitFor(200);
            AssertNeighbourIs(DirectorHa.FirstMac);
            Assert.True(announced.Stop().Count >= 5, "gratuitous ARP of the first");
        }

        AssertOnlyOneAnswers(DirectorHa.FirstMac);
        Shell.Run($"kill -INT {ping.Id}");
        ping.WaitForExit();
        reading.Join();
        load.Stop();
        Assert.True(Math.Abs(LongestGapMs(answers) - outageMs) < 0.001, "its return interrupts no longer than its death did");
    }

    /// <summary>The director forwards to a real server of the same network, and is the virtual address itself.</summary>
    private static string Configuration(string own, int priority) => $$"""
        {
          "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
          "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{own}}/24" ] } ],
          "vrrp": [ { "name": "drift", "interface": "lan0", "vrid": 1, "priority": {{priority}}, "intervalCs": {{IntervalMs / 10}}, "addresses": [ "{{Vip}}" ] } ],
          "services": [ { "protocol": "tcp", "address": "{{Vip}}", "port": 80, "servers": [ { "address": "{{ServerAddress}}" } ] } ]
        }
        """;

    private static double LongestGapMs(List<double> times)
    {
        lock (times)
        {
            return times.Zip(times.Skip(1), (a, b) => (b - a) * 1000).Max();
        }
    }

    /// <summary>Asked anew by a neighbour, one director answers, and nobody else.</summary>
    private void AssertOnlyOneAnswers(string mac)
    {
        using Capture answers = new(_lab.Switch, "lan", $"arp[6:2] = 2 and arp src host {Vip}", _lab.Folder);
        for (int i = 0; i < 3; i++)
        {
            _lab.Client.Try("ip addr add 192.168.1.4/24 dev e0");
            _lab.Client.Ip("neigh flush dev e0");
            Assert.Equal(0, Shell.Try(["ip", "netns", "exec", _lab.Client.Name, "ping", "-c1", "-W1", Vip]).ExitCode);
        }

        Assert.Equal([mac], answers.Stop().Select(Pcap.Source).Distinct());
    }

    private void AssertNeighbourIs(string mac) => Assert.Contains(mac, _host.Ip($"neigh show {Vip} dev e0"), StringComparison.Ordinal);

    private Capture Announcements(string mac) => new(_lab.Switch, "lan", $"ether src {mac} and arp src host {Vip} and arp dst host {Vip}", _lab.Folder);
}
