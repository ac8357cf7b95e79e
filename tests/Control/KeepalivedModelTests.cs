using System.Text.Json;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control.Tests;

/// <summary>Configurations of keepalived as docs/keepalived.md translates them: the model can say what they say.</summary>
public sealed class KeepalivedModelTests
{
    private const string Host = """
        "dataplane": { "workerCpus": [0], "ports": [ { "name": "eth0", "device": "net_null0", "exception": "fwd0" }, { "name": "eth1", "device": "net_null1", "exception": "fwd1" } ] },
        "interfaces": [ { "name": "eth0", "port": "eth0", "addresses": [ "192.0.2.2/24", "2001:db8::2/64" ] }, { "name": "eth1", "port": "eth1", "addresses": [ "10.0.0.2/24" ] } ]
        """;

    /// <summary>
    /// vrrp_script chk_http { script "/usr/bin/curl -sf http://127.0.0.1/"  interval 2  timeout 1  rise 2  fall 3  weight -30  user nobody }
    /// vrrp_instance VI_1 { state MASTER  interface eth0  virtual_router_id 51  priority 150  advert_int 1  version 2
    ///   authentication { auth_type PASS  auth_pass s3cret12 }  preempt_delay 30  garp_master_delay 10  garp_master_repeat 3  garp_master_refresh 60
    ///   garp_master_refresh_repeat 2  dont_track_primary  virtual_ipaddress { 192.0.2.100/24 dev eth1 }  virtual_ipaddress_excluded { 192.0.2.101/24  2001:db8::100/64 }
    ///   track_script { chk_http  }  track_interface { eth1 weight 10 reverse }  notify_master /etc/up.sh  notify "/etc/any.sh x" }
    /// </summary>
    [Fact]
    public void AnInstanceWithScriptsAndAuthentication()
    {
        VrrpGroupModel group = Build("""
            "vrrpTracks": [ { "name": "chk_http", "kind": "program", "command": [ "/usr/bin/curl", "-sf", "http://127.0.0.1/" ], "intervalMs": 2000, "timeoutMs": 1000, "rise": 2, "fall": 3, "weight": -30, "user": "nobody" },
                            { "name": "eth1", "kind": "link", "interface": "eth1" } ],
            "vrrp": [ { "name": "VI_1", "interface": "eth0", "vrid": 51, "priority": 150, "intervalCs": 100, "version": 2, "password": "s3cret12", "preemptDelayMs": 30000,
                        "announceRepeatDelayMs": 10000, "announceCount": 3, "announceRefreshMs": 60000, "announceRefreshCount": 2, "trackLink": false,
                        "addresses": [ "192.0.2.100" ], "addressInterface": "eth1", "excludedAddresses": [ "192.0.2.101", "2001:db8::100" ],
                        "track": [ { "name": "chk_http" }, { "name": "eth1", "weight": 10, "reverse": true } ],
                        "notify": { "active": [ "/etc/up.sh" ], "any": [ "/etc/any.sh", "x" ] } } ]
            """).Single();
        VrrpConfig config = group.Config;
        Assert.Equal((VrrpVersion.V2, 51, 150, 100, 30_000), (config.Version, (int)config.Vrid, (int)config.Priority, config.IntervalCs, config.PreemptDelayMs));
        Assert.Equal((VrrpAuthType.SimpleText, "s3cret12"), (config.AuthType, System.Text.Encoding.ASCII.GetString(config.AuthData.Span)));
        Assert.Equal(new VrrpAnnounceConfig { Count = 3, RepeatDelayMs = 10_000, RefreshMs = 60_000, RefreshCount = 2 }, config.Announce);
        Assert.Equal(["192.0.2.100"], config.Addresses.Select(a => a.ToString()));
        Assert.Equal(["192.0.2.100", "192.0.2.101", "2001:db8::100"], group.Addresses.Select(a => a.ToString()));
        Assert.Equal("fwd1", group.Home.Device);
        Assert.Equal([("chk_http", -30, false), ("eth1", 10, true)], group.Tracks.Select(t => (t.Counts.Name, t.Counts.Weight, t.Counts.Reverse)));
        VrrpTracker tracker = new([.. group.Tracks.Select(t => t.Counts)]);
        Assert.Equal(140, tracker.PriorityFor(config.Priority));    // eth1 up, reversed
        tracker.ReportState(0, false);
        tracker.ReportState(1, false);
        Assert.Equal(120, tracker.PriorityFor(config.Priority));
        Assert.True(group.Settings is { TrackLink: false, Notify.Active: ["/etc/up.sh"], Notify.Any: ["/etc/any.sh", "x"] });
    }

    /// <summary>
    /// vrrp_sync_group G { group { IN OUT }  track_interface { eth0 }  notify_fault /etc/fault.sh }
    /// vrrp_instance OUT { interface eth0  virtual_router_id 1  priority 100  advert_int 0.1  nopreempt  use_vmac  virtual_ipaddress { 192.0.2.100 } }
    /// vrrp_instance IN { interface eth1  virtual_router_id 2  priority 100  advert_int 0.1  nopreempt  no_accept  unicast_src_ip 10.0.0.2
    ///   unicast_peer { 10.0.0.3 min_ttl 254 }  virtual_ipaddress { 10.0.0.1 } }
    /// </summary>
    [Fact]
    public void ASyncGroupOfAMulticastAndAUnicastInstance()
    {
        IReadOnlyList<VrrpGroupModel> groups = Build("""
            "vrrpTracks": [ { "name": "eth0", "kind": "link", "interface": "eth0" } ],
            "vrrpSyncGroups": [ { "name": "G", "groups": [ "IN", "OUT" ], "track": [ { "name": "eth0" } ], "notify": { "fault": [ "/etc/fault.sh" ] } } ],
            "vrrp": [ { "name": "OUT", "interface": "eth0", "vrid": 1, "intervalCs": 10, "preempt": false, "virtualMac": true, "addresses": [ "192.0.2.100" ] },
                      { "name": "IN", "interface": "eth1", "vrid": 2, "intervalCs": 10, "preempt": false, "acceptMode": false, "sourceAddress": "10.0.0.2", "peers": [ "10.0.0.3" ], "peerMinTtl": 254, "addresses": [ "10.0.0.1" ] } ]
            """);
        Assert.All(groups, g => Assert.Equal(("G", "eth0", 0), (g.SyncGroup!.Name, g.Tracks.Single().Counts.Name, g.Tracks.Single().Counts.Weight)));
        Assert.True(groups[0].Config is { Preempt: false, VirtualMac: true, IntervalCs: 10 });
        Assert.True(groups[1].Config is { Preempt: false, AcceptMode: false, MinTtl: 254 });
        Assert.Equal("10.0.0.2", groups[1].Config.PrimaryAddress.ToString());
        Assert.Equal([VrrpAddress.Parse("10.0.0.3")], groups[1].Config.UnicastPeers);
    }

    /// <summary>
    /// vrrp_startup_delay 5
    /// vrrp_track_process nginx { process nginx  weight -20 }
    /// vrrp_instance V6 { interface eth0  virtual_router_id 51  priority 255  advert_int 0.01  virtual_ipaddress { fe80::100  2001:db8::101 } }
    /// vrrp_instance V4 { interface eth0  virtual_router_id 51  version 3  priority 100  skip_check_adv_addr  old_unicast_checksum  track_process { nginx }  virtual_ipaddress { 192.0.2.101 } }
    /// </summary>
    [Fact]
    public void AnOwnerOverIPv6AndAnInstanceThatTakesWhatItGets()
    {
        IReadOnlyList<VrrpGroupModel> groups = Build("""
            "vrrpTracks": [ { "name": "nginx", "kind": "program", "command": [ "/usr/bin/pgrep", "-x", "nginx" ], "weight": -20 } ],
            "vrrp": [ { "name": "V6", "interface": "eth0", "vrid": 51, "priority": 255, "intervalCs": 1, "startDelayMs": 5000, "addresses": [ "fe80::100", "2001:db8::101" ] },
                      { "name": "V4", "interface": "eth0", "vrid": 51, "startDelayMs": 5000, "checkAddressList": false, "checksumWithoutPseudoHeader": true, "track": [ { "name": "nginx" } ], "addresses": [ "192.0.2.101" ] } ]
            """);
        Assert.True(groups[0].Config is { IsOwner: true, IsIPv6: true, IntervalCs: 1, StartDelayMs: 5_000 });
        Assert.True(groups[1].Config is { CheckAddressList: false, ChecksumForm: VrrpChecksumForm.MessageOnly });
    }

    private static IReadOnlyList<VrrpGroupModel> Build(string vrrp) =>
        ModelBuilder.Build(JsonSerializer.Deserialize($"{{ {Host}, {vrrp} }}", ApiJson.Default.DesiredState)!, new CheckedServices()).VrrpGroups;
}
