using System.Diagnostics;
using System.Globalization;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>A check that fails takes the VIP away: the director's from keepalived, keepalived's from the director.</summary>
public sealed class TrackingTests : IDisposable
{
    private const string TheirMac = "02:00:00:00:00:09", Excluded = "172.16.58.77";
    private readonly S1Lab _lab = new();
    private Process? _keepalived;

    public void Dispose()
    {
        if (_keepalived is { HasExited: false })
        {
            Shell.Run($"kill -TERM {_keepalived.Id}");
            _keepalived.WaitForExit();
        }

        _lab.Dispose();
    }

    [Fact]
    public void APriorityThatTrackingLowersMovesTheVip()
    {
        string ours = Path.Combine(_lab.Folder, "ours-good"), theirs = Path.Combine(_lab.Folder, "theirs-good"), told = Path.Combine(_lab.Folder, "told");
        File.WriteAllText(ours, "");
        File.WriteAllText(theirs, "");
        _lab.Director.Configuration = $$"""
            {
              "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
              "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}" ] } ],
              "vrrpTracks": [ { "name": "check", "kind": "program", "command": [ "/usr/bin/test", "-e", "{{ours}}" ], "intervalMs": 100, "weight": -60 },
                              { "name": "gw", "kind": "neighbour", "interface": "lan0", "address": "172.16.58.3" } ],
              "vrrp": [ { "name": "web", "interface": "lan0", "vrid": 51, "priority": 150, "intervalCs": 10, "addresses": [ "{{S1Lab.Vip}}" ], "excludedAddresses": [ "{{Excluded}}" ],
                          "track": [ { "name": "check" }, { "name": "gw" } ],
                          "notify": { "any": [ "/bin/sh", "-c", "echo \"$@\" >> {{told}}", "sh" ] } } ]
            }
            """;
        Netns host = _lab.Host("ka", "e0", TheirMac, "172.16.58.3/16", "fd16::3/64");
        StartKeepalived(host, theirs);
        Wait.Until(() => HasVip(host), "keepalived is alone and has the VIP", 15_000);
        _lab.Director.Start();
        DirectorPair.WaitFor(_lab.Director, "active", 20_000);      // 150 over 120
        AssertExcludedIsAt(S1Lab.DirectorMac);

        File.Delete(ours);                                          // 150 - 60
        Wait.Until(() => HasVip(host), "keepalived has the VIP: 120 over 90", 10_000);
        DirectorPair.WaitFor(_lab.Director, "backup");
        AssertExcludedIsAt(TheirMac);
        Assert.Equal(90, DirectorPair.View(_lab.Director).Priority);
        string shown = _lab.Director.Fwdctl("vrrp show web").Output;
        Assert.Contains("Tracks check (program, exit code 1): down, weight -60: priority -60", shown, StringComparison.Ordinal);
        Assert.Contains("Tracks gw (neighbour, reachable): up, weight 0: nothing", shown, StringComparison.Ordinal);

        File.Delete(theirs);                                        // 120 - 60
        DirectorPair.WaitFor(_lab.Director, "active");              // 90 over 60
        Wait.Until(() => !HasVip(host), "keepalived has given the VIP up");
        File.WriteAllText(theirs, "");
        Wait.Until(() => HasVip(host), "keepalived's check is good again", 10_000);
        File.WriteAllText(ours, "");
        DirectorPair.WaitFor(_lab.Director, "active");
        Assert.Equal(150, DirectorPair.View(_lab.Director).Priority);

        host.Ip("link set e0 down");                                // the neighbour that is tracked as a fault
        Wait.Until(() => DirectorPair.View(_lab.Director).State == "initialize", "the neighbour is missed", 15_000);
        host.Ip("link set e0 up");
        DirectorPair.WaitFor(_lab.Director, "active", 20_000);
        string[] expected = ["BACKUP 150", "MASTER 150", "BACKUP 90", "MASTER 90", "BACKUP 90", "MASTER 150", "FAULT 150", "BACKUP 150", "MASTER 150"];
        Wait.Until(() => File.ReadAllLines(told).Length >= expected.Length, "the programs have run");
        Assert.Equal(expected.Select(e => $"INSTANCE web {e}"), File.ReadAllLines(told));
    }

    /// <summary>A VIP that is not advertised moves, too, and is announced: the client's entry follows without being asked for.</summary>
    private void AssertExcludedIsAt(string mac) => Wait.Until(
        () => Shell.Try(["ip", "netns", "exec", _lab.Client.Name, "ping", "-c1", "-W1", Excluded]).ExitCode == 0
            && _lab.Client.Ip($"neigh show {Excluded} dev e0").Contains(mac, StringComparison.Ordinal),
        $"the client reaches {Excluded} at {mac}; it has {_lab.Client.Ip($"neigh show {Excluded} dev e0")}", 3_000);

    private static bool HasVip(Netns theirs) => theirs.Ip("addr show dev e0").Contains($" {S1Lab.Vip}/", StringComparison.Ordinal);

    private void StartKeepalived(Netns theirs, string good)
    {
        string conf = Path.Combine(_lab.Folder, "keepalived.conf"), at = Path.Combine(_lab.Folder, "keepalived");
        File.WriteAllText(conf, string.Create(CultureInfo.InvariantCulture, $$"""
            global_defs {
              router_id theirs
              vrrp_version 3
              script_user root
              enable_script_security
            }
            vrrp_script good {
              script "/usr/bin/test -e {{good}}"
              interval 1
              weight -60
            }
            vrrp_instance V {
              state BACKUP
              interface e0
              virtual_router_id 51
              priority 120
              advert_int 0.1
              track_script {
                good
              }
              virtual_ipaddress {
                {{S1Lab.Vip}}/32
              }
              virtual_ipaddress_excluded {
                {{Excluded}}/32
              }
            }
            """));
        string command = $"exec keepalived -P -n -l -D -f {conf} --pid {at}.pid --vrrp_pid {at}.vrrp.pid >>{at}.log 2>&1";
        _keepalived = Process.Start("ip", ["netns", "exec", theirs.Name, "sh", "-c", command]);
    }
}
