using System.Diagnostics;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>A director and a host with Debian's keepalived share a VIP: it moves both ways, and the client's neighbour entry with it.</summary>
public sealed class DirectorAndKeepalivedTests : IDisposable
{
    private const string TheirMac = "02:00:00:00:00:09";
    private readonly S1Lab _lab = new();
    private Process? _keepalived;

    public void Dispose()
    {
        if (_keepalived is { HasExited: false })
        {
            Shell.Run($"kill -TERM {_keepalived.Id}");   // its child goes with it
            _keepalived.WaitForExit();
        }

        _lab.Dispose();
    }

    [Theory]
    [InlineData(3, 10, null)]
    [InlineData(2, 100, null)]
    [InlineData(2, 100, "s3cret12")]
    public void TheVipMovesBothWays(int version, int intervalCs, string? password)
    {
        _lab.Director.Configuration = $$"""
            {
              "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
              "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}" ] } ],
              "vrrp": [ { "name": "web", "interface": "lan0", "vrid": 51, "priority": 200, "version": {{version}}, "intervalCs": {{intervalCs}}, "addresses": [ "{{S1Lab.Vip}}" ]
                          {{(password == null ? "" : $", \"password\": \"{password}\"")}} } ]
            }
            """;
        Netns theirs = _lab.Host("ka", "e0", TheirMac, "172.16.58.3/16", "fd16::3/64");
        StartKeepalived(theirs, version, intervalCs, password);
        Wait.Until(() => HasVip(theirs), "keepalived is alone and has the VIP", 15_000);
        AssertVipIsAt(TheirMac);

        _lab.Director.Start();
        DirectorPair.WaitFor(_lab.Director, "active", 20_000);   // priority 200 preempts 100
        Wait.Until(() => !HasVip(theirs), "keepalived has given the VIP up");
        AssertVipIsAt(S1Lab.DirectorMac);

        Assert.Equal(0, _lab.Director.Fwdctl("vrrp backup web --for 60").ExitCode);
        Wait.Until(() => HasVip(theirs), "keepalived takes over from priority 0", 10_000);
        AssertVipIsAt(TheirMac);

        Assert.Equal(0, _lab.Director.Fwdctl("vrrp release web").ExitCode);
        DirectorPair.WaitFor(_lab.Director, "active", 20_000);
        AssertVipIsAt(S1Lab.DirectorMac);
        Assert.DoesNotContain(DirectorPair.View(_lab.Director).Counters, c => c.Value != 0 && c.Key is "interface.badChecksum" or "interface.badTtl" or "interface.badLength");
    }

    private static bool HasVip(Netns theirs) => theirs.Ip("addr show dev e0").Contains($" {S1Lab.Vip}/", StringComparison.Ordinal);

    /// <summary>The client reaches the VIP, and by this MAC address.</summary>
    private void AssertVipIsAt(string mac) => Wait.Until(
        () => Shell.Try(["ip", "netns", "exec", _lab.Client.Name, "ping", "-c1", "-W1", S1Lab.Vip]).ExitCode == 0
            && _lab.Client.Ip($"neigh show {S1Lab.Vip} dev e0").Contains(mac, StringComparison.Ordinal),
        $"the client reaches the VIP at {mac}; it has {_lab.Client.Ip($"neigh show {S1Lab.Vip} dev e0")}");

    private void StartKeepalived(Netns theirs, int version, int intervalCs, string? password)
    {
        string conf = Path.Combine(_lab.Folder, "keepalived.conf"), at = Path.Combine(_lab.Folder, "keepalived");
        File.WriteAllText(conf, $$"""
            global_defs {
              router_id theirs
              vrrp_version {{version}}
              vrrp_garp_master_delay 1
            }
            vrrp_instance V {
              state BACKUP
              interface e0
              virtual_router_id 51
              priority 100
              advert_int {{(intervalCs / 100.0).ToString(System.Globalization.CultureInfo.InvariantCulture)}}
              {{(password == null ? "" : $"authentication {{\n auth_type PASS\n auth_pass {password}\n }}")}}
              virtual_ipaddress {
                {{S1Lab.Vip}}/32
              }
            }
            """);
        string command = $"exec keepalived -P -n -l -D -f {conf} --pid {at}.pid --vrrp_pid {at}.vrrp.pid >>{at}.log 2>&1";
        _keepalived = Process.Start("ip", ["netns", "exec", theirs.Name, "sh", "-c", command]);
    }
}
