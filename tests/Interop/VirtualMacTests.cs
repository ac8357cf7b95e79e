using System.Diagnostics;
using System.Net;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>
/// A director and Debian's keepalived with use_vmac share a VIP at the virtual router's MAC address: whoever is active, the
/// client sees one MAC address, and every frame that says where the VIP is comes from it.
/// </summary>
public sealed class VirtualMacTests : IDisposable
{
    private const string VirtualMac = "00:00:5e:00:01:33", TheirMac = "02:00:00:00:00:09", TheirAddress = "172.16.58.3", OurAddress = "172.16.58.2", TheirDevice = "vrrp.51";
    private const int ArpReply = 2, ArpRequest = 1;
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

    [Fact]
    public void TheVirtualMacMovesBothWays()
    {
        _lab.Director.Configuration = $$"""
            {
              "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
              "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}" ] } ],
              "vrrp": [ { "name": "web", "interface": "lan0", "vrid": 51, "priority": 200, "intervalCs": 10, "addresses": [ "{{S1Lab.Vip}}" ], "virtualMac": true } ]
            }
            """;
        Netns theirs = _lab.Host("ka", "e0", TheirMac, $"{TheirAddress}/16", "fd16::3/64");
        theirs.Run("sysctl -qw net.ipv4.conf.e0.arp_ignore=1 net.ipv4.conf.e0.arp_announce=2");   // or the host names its own MAC with the VIP, too
        AssertSeen(TheirAddress, () => StartKeepalived(theirs), () => HasVip(theirs));
        AssertSeen(OurAddress, _lab.Director.Start, () => DirectorPair.View(_lab.Director).State == "active" && !HasVip(theirs));
        AssertSeen(TheirAddress, () => _lab.Director.Fwdctl("vrrp backup web --for 60"), () => HasVip(theirs));
        AssertSeen(OurAddress, () => _lab.Director.Fwdctl("vrrp release web"), () => DirectorPair.View(_lab.Director).State == "active" && !HasVip(theirs));
    }

    private static bool HasVip(Netns theirs) => Shell.Try(["ip", "netns", "exec", theirs.Name, "ip", "addr", "show", "dev", TheirDevice]).Output.Contains($" {S1Lab.Vip}/", StringComparison.Ordinal);

    /// <summary>The VIP moves to a router; it is announced, advertised and answered for from the virtual MAC, and the client reaches it there.</summary>
    private void AssertSeen(string router, Action move, Func<bool> moved)
    {
        using Capture capture = new(_lab.Client, "e0", "arp or ip proto 112", _lab.Folder);
        move();
        Wait.Until(moved, $"the VIP is at {router}", 20_000);
        _lab.Client.Ip("neigh flush dev e0");
        Wait.Until(() => Shell.Try(["ip", "netns", "exec", _lab.Client.Name, "ping", "-c1", "-W1", S1Lab.Vip]).ExitCode == 0, $"the VIP answers at {router}");
        string neighbour = _lab.Client.Ip($"neigh show {S1Lab.Vip} dev e0");
        byte[][] frames = [.. capture.Stop()];
        Assert.True(neighbour.Contains(VirtualMac, StringComparison.Ordinal), $"the client has {neighbour}; ARP: {string.Join("\n", frames.Where(f => EtherType(f) == 0x0806).Select(Convert.ToHexString))}");
        byte[][] adverts = [.. frames.Where(f => EtherType(f) == 0x0800 && Address(f, 26) == router)];
        byte[][] ofVip = [.. frames.Where(f => EtherType(f) == 0x0806 && Address(f, 28) == S1Lab.Vip)];
        Assert.NotEmpty(adverts);
        Assert.All(adverts, f => Assert.Equal((VirtualMac, "01:00:5e:00:00:12"), (Pcap.Source(f), Pcap.Destination(f))));
        Assert.Contains(ofVip, f => f[21] == ArpReply);
        Assert.Contains(ofVip, f => f[21] == ArpRequest && Address(f, 38) == S1Lab.Vip && Pcap.Destination(f) == "ff:ff:ff:ff:ff:ff");
        Assert.All(ofVip, f => Assert.Equal((VirtualMac, VirtualMac), (Pcap.Source(f), Pcap.Source(f[16..]))));   // sender hardware address
    }

    private static int EtherType(byte[] frame) => (frame[12] << 8) | frame[13];

    private static string Address(byte[] frame, int at) => new IPAddress(frame.AsSpan(at, 4)).ToString();

    private void StartKeepalived(Netns theirs)
    {
        string conf = Path.Combine(_lab.Folder, "keepalived.conf"), at = Path.Combine(_lab.Folder, "keepalived");
        File.WriteAllText(conf, $$"""
            global_defs {
              router_id theirs
              vrrp_version 3
              vrrp_garp_master_delay 1
            }
            vrrp_instance V {
              state BACKUP
              interface e0
              use_vmac {{TheirDevice}}
              virtual_router_id 51
              priority 100
              advert_int 0.1
              virtual_ipaddress {
                {{S1Lab.Vip}}/32
              }
            }
            """);
        string command = $"exec keepalived -P -n -l -D -f {conf} --pid {at}.pid --vrrp_pid {at}.vrrp.pid >>{at}.log 2>&1";
        _keepalived = Process.Start("ip", ["netns", "exec", theirs.Name, "sh", "-c", command]);
    }
}
