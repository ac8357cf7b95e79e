using System.Diagnostics;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>A director and a host with Debian's keepalived share a VIP: it moves both ways, and the client's neighbour entry with it.</summary>
public sealed class DirectorAndKeepalivedTests : IDisposable
{
    private const string TheirMac = "02:00:00:00:00:09";
    private readonly S1Lab _lab = new();
    private Netns? _theirs;
    private Process? _keepalived;

    public void Dispose()
    {
        StopKeepalived();
        _lab.Dispose();
    }

    [Theory]
    [InlineData(3, 10, null)]
    [InlineData(2, 100, "s3cret12")]
    public void TheVipMovesBothWays(int version, int intervalCs, string? password)
    {
        string withPassword = password == null ? "" : $", \"password\": \"{password}\"";
        Configure($$"""{ "name": "web", "interface": "lan0", "vrid": 51, "priority": 200, "version": {{version}}, "intervalCs": {{intervalCs}}, "addresses": [ "{{S1Lab.Vip}}" ]{{withPassword}} }""");
        StartKeepalived(version, InstanceOf(51, 100, intervalCs, password == null ? "" : $"authentication {{\n auth_type PASS\n auth_pass {password}\n }}", $"{S1Lab.Vip}/32"));
        MovesBothWays(S1Lab.Vip);
        Assert.DoesNotContain(DirectorPair.View(_lab.Director).Counters, c => c.Value != 0 && c.Key is "interface.badChecksum" or "interface.badTtl" or "interface.badLength");
    }

    [Fact]
    public void AnIPv6VipMovesBothWaysBetweenUnicastPeers()
    {
        const string LinkLocalVip = "fe80::16:100", Ours = "fd16::2", Theirs = "fd16::3";
        Configure($$"""{ "name": "web", "interface": "lan0", "vrid": 51, "priority": 200, "intervalCs": 10, "addresses": [ "{{LinkLocalVip}}", "{{S1Lab.VipV6}}" ], "peers": [ "{{Theirs}}" ], "peerMinTtl": 64 }""");
        StartKeepalived(3, InstanceOf(51, 100, 10, $"unicast_src_ip {Theirs}\n unicast_peer {{\n {Ours}\n }}", $"{LinkLocalVip}/64", $"{S1Lab.VipV6}/128"));
        MovesBothWays(S1Lab.VipV6);
    }

    /// <summary>S3: the VIPs of two groups are on different routers, and on one when the other is gone.</summary>
    [Fact]
    public void TwoGroupsShareTheLoad()
    {
        const string OtherVip = "172.16.58.9";
        Configure($$"""
            { "name": "a", "interface": "lan0", "vrid": 51, "priority": 200, "intervalCs": 10, "addresses": [ "{{S1Lab.Vip}}" ] },
            { "name": "b", "interface": "lan0", "vrid": 52, "priority": 100, "intervalCs": 10, "addresses": [ "{{OtherVip}}" ] }
            """);
        StartKeepalived(3, InstanceOf(51, 150, 10, "", $"{S1Lab.Vip}/32"), InstanceOf(52, 150, 10, "", $"{OtherVip}/32"));
        Wait.Until(() => HasVip(S1Lab.Vip) && HasVip(OtherVip), "keepalived is alone and has both", 15_000);
        AssertVipIsAt(S1Lab.Vip, TheirMac);

        _lab.Director.Start();
        Wait.Until(() => !HasVip(S1Lab.Vip), "keepalived has given one up", 20_000);
        AssertVipIsAt(S1Lab.Vip, S1Lab.DirectorMac);
        AssertVipIsAt(OtherVip, TheirMac);

        StopKeepalived();
        AssertVipIsAt(OtherVip, S1Lab.DirectorMac);
        AssertVipIsAt(S1Lab.Vip, S1Lab.DirectorMac);
    }

    private void Configure(string groups) => _lab.Director.Configuration = $$"""
        {
          "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
          "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}", "{{S1Lab.DipV6}}" ] } ],
          "vrrp": [ {{groups}} ]
        }
        """;

    /// <summary>The director's group "web" has priority 200, keepalived's 100.</summary>
    private void MovesBothWays(string vip)
    {
        Wait.Until(() => HasVip(vip), "keepalived is alone and has the VIP", 15_000);
        AssertVipIsAt(vip, TheirMac);

        _lab.Director.Start();
        DirectorPair.WaitFor(_lab.Director, "active", 20_000);
        Wait.Until(() => !HasVip(vip), "keepalived has given the VIP up");
        AssertVipIsAt(vip, S1Lab.DirectorMac);

        Assert.Equal(0, _lab.Director.Fwdctl("vrrp backup web --for 60").ExitCode);
        Wait.Until(() => HasVip(vip), "keepalived takes over from priority 0", 10_000);
        AssertVipIsAt(vip, TheirMac);

        Assert.Equal(0, _lab.Director.Fwdctl("vrrp release web").ExitCode);
        DirectorPair.WaitFor(_lab.Director, "active", 20_000);
        AssertVipIsAt(vip, S1Lab.DirectorMac);
    }

    private bool HasVip(string vip) => _theirs!.Ip("addr show dev e0").Contains($" {vip}/", StringComparison.Ordinal);

    /// <summary>The client reaches the VIP, and by this MAC address.</summary>
    private void AssertVipIsAt(string vip, string mac) => Wait.Until(
        () => Shell.Try(["ip", "netns", "exec", _lab.Client.Name, "ping", "-c1", "-W1", vip]).ExitCode == 0
            && _lab.Client.Ip($"neigh show {vip} dev e0").Contains(mac, StringComparison.Ordinal),
        $"the client reaches {vip} at {mac}; it has {_lab.Client.Ip($"neigh show {vip} dev e0")}");

    private static string InstanceOf(int vrid, int priority, int intervalCs, string more, params string[] vips) => $$"""
        vrrp_instance V{{vrid}} {
          state BACKUP
          interface e0
          virtual_router_id {{vrid}}
          priority {{priority}}
          advert_int {{(intervalCs / 100.0).ToString(System.Globalization.CultureInfo.InvariantCulture)}}
          {{more}}
          virtual_ipaddress {
            {{string.Join("\n    ", vips)}}
          }
        }

        """;

    private void StartKeepalived(int version, params string[] instances)
    {
        _theirs = _lab.Host("ka", "e0", TheirMac, "172.16.58.3/16", "fd16::3/64");
        string conf = Path.Combine(_lab.Folder, "keepalived.conf"), at = Path.Combine(_lab.Folder, "keepalived");
        File.WriteAllText(conf, $$"""
            global_defs {
              router_id theirs
              vrrp_version {{version}}
              vrrp_garp_master_delay 1
            }

            """ + string.Concat(instances));
        string command = $"exec keepalived -P -n -l -D -f {conf} --pid {at}.pid --vrrp_pid {at}.vrrp.pid >>{at}.log 2>&1";
        _keepalived = Process.Start("ip", ["netns", "exec", _theirs.Name, "sh", "-c", command]);
    }

    private void StopKeepalived()
    {
        if (_keepalived is { HasExited: false })
        {
            Shell.Run($"kill -TERM {_keepalived.Id}");   // its child goes with it
            _keepalived.WaitForExit();
        }
    }
}
