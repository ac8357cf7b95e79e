using System.Text.Json;
using System.Text.Json.Nodes;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>Each field of the desired state with a value that is not allowed: the answer names the field and says what is allowed, and nothing changes.</summary>
public sealed class BadStateTests(ControlBed bed) : IClassFixture<ControlBed>
{
    private const string Base = """
        { "dataplane":  { "workerCpus": [0], "ealArguments": ["--log-level=5"], "ports": [ { "name": "lan0", "device": "net_null0", "exception": "fwd0" }, { "name": "lan1", "device": "net_null1" } ] },
          "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "172.16.58.2/16", "fd16::2/64" ] }, { "name": "web", "port": "lan1", "vlan": 100, "addresses": [ "10.1.0.2/24" ] } ],
          "timeouts":   { "udpS": 30 },
          "services":   [ { "protocol": "tcp", "address": "172.16.58.1", "port": 80, "scheduler": "mh", "maglevTableSize": 251, "servers": [ { "address": "172.16.58.7", "weight": 2 }, { "address": "10.1.0.7" } ] },
                          { "protocol": "udp", "address": "fd16::100", "port": 53, "servers": [ { "address": "fd16::7" } ] } ],
          "vrrp":       [ { "name": "web", "interface": "lan0", "vrid": 51, "addresses": [ "172.16.58.1", "172.16.58.9" ] }, { "name": "web6", "interface": "lan0", "vrid": 51, "addresses": [ "fd16::100" ] },
                          { "name": "uni", "interface": "lan0", "vrid": 61, "addresses": [ "172.16.58.61" ], "peers": [ "172.16.58.3", "172.16.58.4" ] } ],
          "vrrpSyncGroups": [ { "name": "all", "groups": [ "web", "web6" ], "track": [ { "name": "check" } ], "notify": { "any": [ "/bin/true" ] } } ],
          "vrrpTracks": [ { "name": "up", "kind": "link", "interface": "web" }, { "name": "gw", "kind": "neighbour", "interface": "web", "address": "10.1.0.254" },
                          { "name": "pool", "kind": "quorum", "service": "tcp:172.16.58.1:80", "quorum": 2 }, { "name": "default", "kind": "route", "destination": "0.0.0.0/0" },
                          { "name": "check", "kind": "program", "command": [ "/bin/true" ], "weight": -20 }, { "name": "busy", "kind": "busy", "busyPercent": 90 } ] }
        """;

    /// <summary>Field, its bad value, the pointer if it is another one, what the answer says is allowed or wrong.</summary>
    public static TheoryData<string, string, string?, string> Values => new()
    {
        { "/dataplane/ports", "[]", null, "1 to 16" },
        { "/dataplane/ports/0", "null", null, "null" },
        { "/dataplane/ports/0/name", "\"\"", null, "1 to 15 letters" },
        { "/dataplane/ports/0/name", "\"a name\"", null, "1 to 15 letters" },
        { "/dataplane/ports/0/name", "\"lan0123456789abc\"", null, "1 to 15 letters" },
        { "/dataplane/ports/0/name", "\"län\"", null, "1 to 15 letters" },
        { "/dataplane/ports/0/name", "\"../x\"", null, "1 to 15 letters" },
        { "/dataplane/ports/1/name", "\"lan0\"", null, "also /dataplane/ports/0" },
        { "/dataplane/ports/0/device", "\"\"", null, "PCI address" },
        { "/dataplane/ports/0/device", "\"net_null0 ,iface=d0\"", null, "without spaces" },
        { "/dataplane/ports/0/device", "\"net_null0\\n--vdev=net_null9\"", null, "without spaces" },
        { "/dataplane/ports/0/device", "\"--no-pci\"", null, "PCI address" },
        { "/dataplane/ports/0/device", $"\"net_null0,{new string('x', 300)}\"", null, "PCI address" },
        { "/dataplane/ports/1/device", "\"net_null0,copy=1\"", null, "also that of /dataplane/ports/0" },
        { "/dataplane/ports/0/mtuBytes", "575", null, "576 to 9600" },
        { "/dataplane/ports/0/mtuBytes", "9601", null, "576 to 9600" },
        { "/dataplane/ports/0/rxDescriptors", "63", null, "64 to 32768" },
        { "/dataplane/ports/0/txDescriptors", "32769", null, "64 to 32768" },
        { "/dataplane/ports/0/exception", "\"\"", null, "1 to 15 letters" },
        { "/dataplane/ports/0/exception", "\"fwd0123456789abc\"", null, "1 to 15 letters" },
        { "/dataplane/ports/1/exception", "\"fwd0\"", null, "/dataplane/ports/0" },
        { "/dataplane/workerCpus/0", "-1", null, "0 to 1023" },
        { "/dataplane/workerCpus", $"[{string.Join(',', Enumerable.Range(0, 65))}]", null, "at most 64" },
        { "/dataplane/housekeepingCpu", "-1", null, "0 to 1023" },
        { "/dataplane/hugepages", "\"always\"", null, "auto, required and never" },
        { "/dataplane/idle", "\"sleep\"", null, "auto, spin and backoff" },
        { "/dataplane/memoryMiB", "0", null, "1 to 1048576" },
        { "/dataplane/mbufs", "0", null, "1 to 67108864" },
        { "/dataplane/flowsPerWorker", "1023", null, "1024 to 33554432" },
        { "/timeouts/tcpTimeWaitS", "0", null, "1 to 86400" },
        { "/timeouts/tcpCloseWaitS", "86401", null, "1 to 86400" },
        { "/services/0/timeouts", """{"tcpEstablishedS":0}""", "/services/0/timeouts/tcpEstablishedS", "1 to 86400" },
        { "/services/1/timeouts", """{"udpS":86401}""", "/services/1/timeouts/udpS", "1 to 86400" },
        { "/dataplane/sourceAddresses", "-1", null, "0 to 1023" },
        { "/dataplane/sourceAddresses", "1024", null, "0 to 1023" },
        { "/services/0/clientAddress", "\"proxyV1\"", null, "allowed are none, proxyV2 and toa" },
        { "/services/0/clientAddress", "\"proxyV2\"", "/services/0/servers/0/method", "need fullnat" },
        { "/services/1/clientAddress", "\"proxyV2\"", "/services/1/servers/0/method", "need fullnat" },
        { "/services/1", """{"protocol":"sctp","address":"172.16.58.1","port":53,"clientAddress":"proxyV2"}""", "/services/1/clientAddress", "TCP and UDP services alone" },
        { "/services/0/clientAddress", "\"toa\"", "/services/0/servers/0/method", "would get no address of a client by toa; all servers of a service with clientAddress need fullnat" },
        { "/services/1", """{"protocol":"udp","address":"172.16.58.1","port":53,"clientAddress":"toa"}""", "/services/1/clientAddress", "toa is for TCP services alone" },
        { "/services/1", """{"protocol":"sctp","address":"172.16.58.1","port":53,"clientAddress":"toa"}""", "/services/1/clientAddress", "toa is for TCP services alone" },
        { "/services/0/sourcePool", "\"lan\"", null, "There is no source pool \"lan\"" },
        { "/sourcePools", "[null]", "/sourcePools/0", "null" },
        { "/sourcePools", Pool("a b", "172.16.58.200"), "/sourcePools/0/name", "1 to 15 letters" },
        { "/sourcePools", Pool("lan"), "/sourcePools/0/addresses", "at least one" },
        { "/sourcePools", Pool("lan", "172.16.58"), "/sourcePools/0/addresses/0", "not an IPv4 or IPv6 address" },
        { "/sourcePools", Pool("lan", "203.0.113.9"), "/sourcePools/0/addresses/0", "no connected network" },
        { "/sourcePools", Pool("lan", "172.16.58.2"), "/sourcePools/0/addresses/0", "own address" },
        { "/sourcePools", Pool("lan", "172.16.58.1"), "/sourcePools/0/addresses/0", "is a VIP" },
        { "/sourcePools", Pool("lan", "172.16.58.7"), "/sourcePools/0/addresses/0", "is a real server" },
        { "/sourcePools", Pool("lan", "172.16.58.200", "172.16.58.200"), "/sourcePools/0/addresses/1", "in source pool \"lan\" already" },
        { "/sourcePools", Pool("lan", [.. Enumerable.Range(200, 9).Select(n => $"172.16.58.{n}")]), null, "room for 8" },
        { "/snatRules", "[null]", "/snatRules/0", "null" },
        { "/snatRules", Snat("a b"), "/snatRules/0/name", "1 to 63 letters" },
        { "/snatRules", Snat(sources: ""), "/snatRules/0/sources", "at least one source" },
        { "/snatRules", Snat(sources: "10.9.0.1/24"), "/snatRules/0/sources/0", "write 10.9.0.0/24" },
        { "/snatRules", Snat(sources: "10.9.0.0/33"), "/snatRules/0/sources/0", "0 to 32" },
        { "/snatRules", Snat(sources: "10.9/24"), "/snatRules/0/sources/0", "not a prefix" },
        { "/snatRules", Snat(sources: "fd99::/129"), "/snatRules/0/sources/0", "0 to 128" },
        { "/snatRules", Snat(), "/snatRules/0/sourcePool", "there is none (/sourcePools)" },
        { "/snatRules", Snat(more: "\"sourcePool\": \"lan\""), "/snatRules/0/sourcePool", "There is no source pool \"lan\"" },
        { "/snatRules", Snat(more: "\"interface\": \"lan9\""), "/snatRules/0/interface", "interfaces are: lan0, web" },
        { "/dataplane/flowsPerWorker", "33554433", null, "1024 to 33554432" },
        { "/dataplane/snapshotSlotBytes", "1048575", null, "1048576 to 2147479552" },
        { "/dataplane/snapshotSlotBytes", "2147479553", null, "1048576 to 2147479552" },
        { "/dataplane/ealArguments/0", "null", null, "argument is needed" },
        { "/dataplane/ealArguments/0", "\"\"", null, "argument is needed" },
        { "/interfaces/0", "null", null, "null" },
        { "/interfaces/0/name", "\"\"", null, "1 to 15 letters" },
        { "/interfaces/1/name", "\"lan0\"", null, "given twice" },
        { "/interfaces/0/port", "\"lan2\"", null, "ports are: lan0, lan1" },
        { "/interfaces/1/vlan", "0", null, "1 to 4094" },
        { "/interfaces/1/vlan", "4095", null, "1 to 4094" },
        { "/interfaces/1", """{"name":"other","port":"lan0","addresses":["10.1.0.2/24"]}""", "/interfaces/1/vlan", "port and VLAN of another" },
        { "/interfaces/1/addresses/0", "null", null, "null" },
        { "/interfaces/1/addresses/0", "\"10.1.0.2\"", null, "10.1.0.2/24" },
        { "/interfaces/1/addresses/0", "\"10.1.0.2/33\"", null, "prefix length" },
        { "/interfaces/1/addresses/0", "\"10.1.0.2/0\"", null, "prefix length" },
        { "/interfaces/1/addresses/0", "\"10.1.0.2/24/1\"", null, "prefix length" },
        { "/interfaces/1/addresses/0", "\"10.1.2/24\"", null, "not an IPv4 or IPv6 address" },
        { "/interfaces/1/addresses/0", "\"172.16.58.2/16\"", null, "on another interface" },
        { "/interfaces/0/addresses", "[\"172.16.58.2/16\",\"172.16.58.2/24\"]", "/interfaces/0/addresses/1", "given twice" },
        { "/timeouts/tcpSynReceivedS", "0", null, "1 to 86400 seconds" },
        { "/timeouts/tcpEstablishedS", "86401", null, "1 to 86400 seconds" },
        { "/timeouts/tcpFinWaitS", "-1", null, "1 to 86400 seconds" },
        { "/timeouts/tcpCloseS", "0", null, "1 to 86400 seconds" },
        { "/timeouts/udpS", "0", null, "1 to 86400 seconds" },
        { "/timeouts/sctpCookieEchoedS", "0", null, "1 to 86400 seconds" },
        { "/timeouts/sctpClosedS", "86401", null, "1 to 86400 seconds" },
        { "/services/0", "null", null, "null" },
        { "/services/0/protocol", "\"icmp\"", null, "tcp, udp and sctp" },
        { "/services/0/protocol", "\"TCP\"", null, "tcp, udp and sctp" },
        { "/services/0/address", "\"\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/address", "\"www.example.org\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/address", "\"172.16.58\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/address", "\"172.16.58.1/32\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/address", "\"fe80::1%eth0\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/address", "\"[fd16::1]\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/address", "\"0.0.0.0\"", null, "unicast" },
        { "/services/0/address", "\"224.0.0.18\"", null, "unicast" },
        { "/services/0/address", "\"255.255.255.255\"", null, "unicast" },
        { "/services/0/address", "\"127.0.0.1\"", null, "unicast" },
        { "/services/0/address", "\"ff02::1\"", null, "unicast" },
        { "/services/0/address", "\"::1\"", null, "unicast" },
        { "/services/0/address", "\"::ffff:172.16.58.1\"", null, "write 172.16.58.1" },
        { "/services/0/address", "\"172.16.58.2\"", null, "own address of the director" },
        { "/services/0/address", "\"fd16::99\"", "/services/0/servers/0/address", "different families" },
        { "/services/0/port", "0", null, "1 to 65535" },
        { "/services/0/port", "65536", null, "1 to 65535" },
        { "/services/0/scheduler", "\"rr\"", null, "wlc and mh" },
        { "/services/0/maglevTableSize", "65536", null, "prime" },
        { "/services/0/maglevTableSize", "241", null, "251 to 655373" },
        { "/services/0/maglevTableSize", "655387", null, "251 to 655373" },
        { "/services/0/servers/0", "null", null, "null" },
        { "/services/0/servers/0/address", "\"172.16\"", null, "not an IPv4 or IPv6 address" },
        { "/services/0/servers/0/address", "\"192.0.2.7\"", null, "172.16.0.0/16, fd16::/64, 10.1.0.0/24" },
        { "/services/0/servers/0/address", "\"172.16.58.1\"", null, "VIP itself" },
        { "/services/0/servers/0/address", "\"172.16.58.2\"", null, "own address of the director" },
        { "/services/0/servers/0/address", "\"fd16::7\"", null, "different families" },
        { "/services/0/servers", """[{"address":"fd16::7","method":"fullnat"}]""", "/services/0/servers/0/address", "fullnat from an IPv6 VIP to an IPv4 server" },
        { "/services/1/servers", """[{"address":"172.16.58.7","method":"nat"}]""", "/services/1/servers/0/address", "different families" },
        { "/services/1/servers", """[{"address":"172.16.58.7","method":"dr"}]""", "/services/1/servers/0/address", "different families" },
        { "/services/1/servers", """[{"address":"fd16::7","method":"fullnat"},{"address":"fd16::8"},{"address":"172.16.58.7","method":"fullnat"}]""", "/services/1/servers/2/address", "of another family than the FullNAT servers before it" },
        { "/services/0/servers/0", Tunnel("dr", """{"type":"gre"}"""), "/services/0/servers/0/tunnel", "Only the method tunnel" },
        { "/services/0/servers/0", Tunnel("tunnel", """{"type":"vxlan"}"""), "/services/0/servers/0/tunnel/type", "ipip, gue and gre" },
        { "/services/0/servers/0", Tunnel("tunnel", """{"type":"gue"}"""), "/services/0/servers/0/tunnel/port", "1 to 65535" },
        { "/services/0/servers/0", Tunnel("tunnel", """{"type":"gue","port":65536}"""), "/services/0/servers/0/tunnel/port", "1 to 65535" },
        { "/services/0/servers/0", Tunnel("tunnel", """{"type":"gre","port":6080}"""), "/services/0/servers/0/tunnel/port", "only gue has" },
        { "/services/0/servers/0", Tunnel("tunnel", """{"port":6080}"""), "/services/0/servers/0/tunnel/port", "only gue has" },
        { "/services/0/servers/0", Tunnel("tunnel", """{"checksum":true}"""), "/services/0/servers/0/tunnel/checksum", "gue and gre may" },
        { "/services/0/servers/1/address", "\"172.16.58.7\"", null, "given twice" },
        { "/services/0/servers/0/port", "8080", null, "only the methods nat and fullnat translate ports" },
        { "/services/0/servers/0/weight", "-1", null, "0 to 65535" },
        { "/services/0/servers/0/weight", "65536", null, "0 to 65535" },
        { "/services/0/servers/0/method", "\"fullnat\"", "/services/0/sourcePool", "there is none (/sourcePools)" },
        { "/services/0/servers/0/method", "\"snat\"", null, "allowed are dr" },
        { "/services/1", """{"protocol":"tcp","address":"172.16.58.1","port":80}""", null, "also /services/0" },
        { "/vrrp/0", "null", null, "null" },
        { "/vrrp/0/name", "\"a name\"", null, "1 to 63 letters" },
        { "/vrrp/0/name", $"\"{new string('a', 64)}\"", null, "1 to 63 letters" },
        { "/vrrp/1/name", "\"web\"", null, "given twice" },
        { "/vrrp/0/interface", "\"wan\"", null, "interfaces are: lan0, web" },
        { "/vrrp/0/interface", "\"web\"", null, "no exception port" },
        { "/vrrp/0/vrid", "0", null, "1 to 255" },
        { "/vrrp/0/vrid", "256", null, "1 to 255" },
        { "/vrrp/1", """{"name":"b","interface":"lan0","vrid":51,"addresses":["172.16.58.10"]}""", "/vrrp/1/vrid", "by group \"web\"" },
        { "/vrrp/0/priority", "0", null, "1 to 255" },
        { "/vrrp/0/priority", "256", null, "1 to 255" },
        { "/vrrp/0/version", "4", null, "2 and 3" },
        { "/vrrp/1/version", "2", null, "version 2 has no IPv6" },
        { "/vrrp/0/intervalCs", "0", null, "1 to 4095" },
        { "/vrrp/0/intervalCs", "4096", null, "1 to 4095" },
        { "/vrrp/0/preemptDelayMs", "-1", null, "0 to 3600000" },
        { "/vrrp/0/startDelayMs", "3600001", null, "0 to 3600000" },
        { "/vrrp/0/password", "\"secret\"", null, "no authentication" },
        { "/vrrp/0", """{"name":"web","interface":"lan0","vrid":51,"version":2,"password":"pässword","addresses":["172.16.58.1"]}""", "/vrrp/0/password", "9 bytes; allowed: 1 to 8 bytes" },
        { "/vrrp/0/announceCount", "0", null, "1 to 100" },
        { "/vrrp/0/announceRepeatDelayMs", "-1", null, "0 to 3600000" },
        { "/vrrp/0/announceRefreshMs", "-1", null, "0 to 3600000" },
        { "/vrrp/0/addresses", "[]", null, "1 to 255" },
        { "/vrrp/0/addresses/0", "\"172.16.58\"", null, "not an IPv4" },
        { "/vrrp/0/addresses/0", "\"224.0.0.18\"", null, "not a unicast" },
        { "/vrrp/0/addresses/0", "\"172.16.58.2\"", null, "own address" },
        { "/vrrp/0/addresses/1", "\"fd16::101\"", null, "family" },
        { "/vrrp/0/addresses/1", "\"172.16.58.1\"", null, "given twice" },
        { "/vrrp/0/excludedAddresses", "[ \"172.16\" ]", "/vrrp/0/excludedAddresses/0", "not an IPv4" },
        { "/vrrp/0/excludedAddresses", "[ \"172.16.58.20\", \"fd16::100\" ]", "/vrrp/1/addresses/0", "a VIP belongs to one group" },
        { "/vrrp/1/excludedAddresses", "[ \"172.16.58.1\" ]", "/vrrp/1/excludedAddresses/0", "in group \"web\", too" },
        { "/vrrp/0/announceRefreshCount", "0", null, "1 to 100" },
        { "/vrrp/0/sourceAddress", "\"172.16.58.3\"", null, "no own address of interface \"lan0\"" },
        { "/vrrp/1/sourceAddress", "\"fd16::2\"", null, "link-local" },
        { "/vrrp/2/peers/0", "\"172.16\"", null, "not an IPv4" },
        { "/vrrp/2/peers/0", "\"fd16::3\"", null, "family of the group's VIPs" },
        { "/vrrp/2/peers/0", "\"172.16.58.2\"", null, "own address of this director" },
        { "/vrrp/2/peers/0", "\"10.1.0.3\"", null, "allowed are 172.16.0.0/16" },
        { "/vrrp/2/peers/1", "\"172.16.58.3\"", null, "given twice" },
        { "/vrrp/2/addresses", "[ \"172.16.58.3\" ]", "/vrrp/2/peers/0", "one of the group's VIPs" },
        { "/vrrp/1/checksumWithoutPseudoHeader", "true", null, "over IPv6 the checksum always has the pseudo-header" },
        { "/vrrp/1/peers", "[ \"10.1.0.3\" ]", "/vrrp/1/peers/0", "family of the group's VIPs" },
        { "/vrrp/1/peers", "[ \"fd17::3\" ]", "/vrrp/1/peers/0", "allowed are fd16::/64, fe80::/10" },
        { "/vrrp/1/peers", "[ \"fd16::3\", \"fe80::3\" ]", "/vrrp/1/peers/1", "same source address" },
        { "/vrrp/2/peers", $"[{string.Join(',', Enumerable.Range(10, 33).Select(n => $"\"172.16.1.{n}\""))}]", null, "0 to 32" },
        { "/vrrp/2/peerMinTtl", "0", null, "1 to 255" },
        { "/vrrp/2/peerMinTtl", "256", null, "1 to 255" },
        { "/vrrp/0/peerMinTtl", "254", null, "unicast peers" },
        { "/vrrp/0/peerGateway", "\"172.16.0.1\"", null, "unicast peers" },
        { "/vrrp/2/peerGateway", "\"10.1.0.1\"", null, "no network of interface" },
        { "/vrrp/2/peerGateway", "\"fd16::1\"", null, "family of the group's VIPs" },
        { "/vrrp/2/peerGateway", "\"172.16.58.2\"", null, "own address of this director" },
        { "/vrrp/2/peerGateway", "\"172.16.0.1\"", null, "peerMinTtl below 255" },
        { "/vrrpTracks/0", "null", null, "null" },
        { "/vrrpTracks/0/name", "\"a b\"", null, "1 to 63 letters" },
        { "/vrrpTracks/0/name", $"\"{new string('a', 64)}\"", null, "1 to 63 letters" },
        { "/vrrpTracks/1/name", "\"up\"", null, "given twice" },
        { "/vrrpTracks/0/kind", "\"Link\"", null, "link, neighbour, quorum, route, program, workers, busy" },
        { "/vrrpTracks/0/kind", "\"1\"", null, "allowed are link" },
        { "/vrrpTracks/0/weight", "254", null, "-253 to 253" },
        { "/vrrpTracks/0/interface", "\"wan\"", null, "interfaces are: lan0, web" },
        { "/vrrpTracks/0/interface", "null", null, "needs interface" },
        { "/vrrpTracks/0/address", "\"10.1.0.254\"", null, "not a member of kind \"link\"" },
        { "/vrrpTracks/1/address", "\"10.1\"", null, "not an IPv4" },
        { "/vrrpTracks/1/address", "\"10.2.0.1\"", null, "no network of interface \"web\"" },
        { "/vrrpTracks/1/address", "\"10.1.0.2\"", null, "own address" },
        { "/vrrpTracks/2/service", "\"tcp:172.16.58.1\"", null, "not the id of a virtual service" },
        { "/vrrpTracks/2/quorum", "0", null, "1 to 65535" },
        { "/vrrpTracks/2/quorum", "null", null, "needs quorum" },
        { "/vrrpTracks/3/destination", "\"10.0.0.1/8\"", null, "not a network" },
        { "/vrrpTracks/3/destination", "\"10/8\"", null, "not a network" },
        { "/vrrpTracks/4/command", "[]", null, "1 to 64" },
        { "/vrrpTracks/4/command", "[ \"true\" ]", "/vrrpTracks/4/command/0", "absolute path" },
        { "/vrrpTracks/4/user", "\"-x\"", null, "not a user's name" },
        { "/vrrpTracks/4/intervalMs", "99", null, "100 to 3600000" },
        { "/vrrpTracks/4/timeoutMs", "3600001", null, "100 to 3600000" },
        { "/vrrpTracks/4/rise", "0", null, "1 to 1000" },
        { "/vrrpTracks/4/fall", "1001", null, "1 to 1000" },
        { "/vrrpTracks/5/busyPercent", "101", null, "1 to 100" },
        { "/vrrpTracks/5/windowMs", "999", null, "1000 to 3600000" },
        { "/vrrpTracks/5/quorum", "1", null, "not a member of kind \"busy\"" },
        { "/vrrp/0/track", "[ null ]", "/vrrp/0/track/0", "null" },
        { "/vrrp/0/track", "[ { \"name\": \"no\" } ]", "/vrrp/0/track/0/name", "it has: up, gw, pool, default, check, busy" },
        { "/vrrp/0/track", "[ { \"name\": \"up\" }, { \"name\": \"up\" } ]", "/vrrp/0/track/1/name", "given twice" },
        { "/vrrp/0/track", "[ { \"name\": \"up\", \"weight\": -254 } ]", "/vrrp/0/track/0/weight", "-253 to 253" },
        { "/vrrp/0/track", "[ { \"name\": \"check\", \"weight\": 7 } ]", "/vrrpSyncGroups/0/groups", "counts differently" },
        { "/vrrp/2", """{"name":"own","interface":"lan0","vrid":61,"priority":255,"addresses":["172.16.58.61"],"track":[{"name":"check"}]}""", "/vrrp/2/track/0/weight", "address owner" },
        { "/vrrpSyncGroups/0/track", "[ { \"name\": \"no\" } ]", "/vrrpSyncGroups/0/track/0/name", "no tracked object" },
        { "/vrrp/0/notify", "{ \"active\": [ \"x.sh\" ] }", "/vrrp/0/notify/active/0", "absolute path" },
        { "/vrrp/0/notify", "{ \"stop\": [] }", "/vrrp/0/notify/stop", "1 to 64" },
        { "/vrrp/0/notify", "{ \"timeoutMs\": 0 }", "/vrrp/0/notify/timeoutMs", "100 to 3600000" },
        { "/vrrpSyncGroups/0/notify", "{ \"any\": [ \"x\" ] }", "/vrrpSyncGroups/0/notify/any/0", "absolute path" },
        { "/vrrp/2/heartbeatInterfaces", "[ \"lan0\" ]", null, "not allowed together with peers" },
        { "/vrrp/0/heartbeatInterfaces", "[ \"lan0\" ]", "/vrrp/0/heartbeatInterfaces/0", "given twice" },
        { "/vrrp/0/heartbeatInterfaces", "[ \"web\" ]", "/vrrp/0/heartbeatInterfaces/0", "no exception port" },
        { "/vrrp/0/heartbeatInterfaces", "[ \"wan\" ]", "/vrrp/0/heartbeatInterfaces/0", "interfaces are: lan0, web" },
        { "/vrrp/0/addressInterface", "\"wan\"", null, "interfaces are: lan0, web" },
        { "/vrrp/0/addressInterface", "\"web\"", null, "no exception port" },
        { "/vrrp/1/alsoVersion2", "true", null, "version 2 has no IPv6" },
        { "/vrrpSyncGroups/0", "null", null, "null" },
        { "/vrrpSyncGroups/0/name", "\"\"", null, "1 to 63 letters" },
        { "/vrrpSyncGroups/0/name", $"\"{new string('a', 64)}\"", null, "1 to 63 letters" },
        { "/vrrpSyncGroups/0/groups", "[ \"web\" ]", null, "at least 2" },
        { "/vrrpSyncGroups/0/groups/1", "\"x\"", null, "groups are: web, web6, uni" },
        { "/vrrpSyncGroups/0/groups/1", "\"web\"", null, "in sync group \"all\" already" },
        { "/vrrpSyncGroups", """[ { "name": "a", "groups": [ "web", "web6" ] }, { "name": "a", "groups": [ "web", "uni" ] } ]""", "/vrrpSyncGroups/1/name", "given twice" },
        { "/vrrpSyncGroups", """[ { "name": "a", "groups": [ "web", "web6" ] }, { "name": "b", "groups": [ "uni", "web6" ] } ]""", "/vrrpSyncGroups/1/groups/1", "in sync group \"a\" already" },
        { "/vrrp/1/preempt", "false", "/vrrpSyncGroups/0/groups/1", "preempt of group \"web6\"" },
        { "/vrrp/1/startDelayMs", "5", "/vrrpSyncGroups/0/groups/1", "startDelayMs of group \"web6\"" },
        { "/vrrp/1/priority", "255", "/vrrpSyncGroups/0/groups/1", "address owner of group \"web6\"" },
        { "/vrrp/1/addresses", "[ \"172.16.58.9\" ]", "/vrrp/1/vrid", "51" },
    };

    /// <summary>Values that the JSON reader refuses: field, value, pointer, what is said.</summary>
    public static TheoryData<string, string, string, string> Types => new()
    {
        { "/services", "null", "/services", "Null is not allowed here" },
        { "/services", "{}", "/services", "needed here: a list" },
        { "/dataplane", "null", "/dataplane", "Null is not allowed here" },
        { "/dataplane/hugepages", "null", "/dataplane/hugepages", "Null is not" },
        { "/dataplane/workerCpus/0", "\"0\"", "/dataplane/workerCpus/0", "needed here: a whole number from -2147483648 to 2147483647" },
        { "/services/0/port", "\"80\"", "/services/0/port", "needed here: a whole number" },
        { "/services/0/port", "80.5", "/services/0/port", "needed here: a whole number" },
        { "/services/0/port", "99999999999", "/services/0/port", "needed here: a whole number" },
        { "/services/0/address", "17", "/services/0/address", "needed here: a string" },
        { "/services/0/servers/0/weight", "true", "/services/0/servers/0/weight", "needed here: a whole number" },
        { "/services/0/servers/0/tunnel", "[]", "/services/0/servers/0/tunnel", "needed here: an object" },
        { "/services/0/wieght", "1", "/services/0/wieght", "There is no member \"wieght\" here; allowed are address, " },
        { "/services/0/servers/1/a~1b", "1", "/services/0/servers/1/a~1b", "There is no member \"a/b\" here; allowed are address, " },
        { "/services/1", """{"protocol":"tcp","port":80}""", "/services/1", "missing: \"address\"" },
    };

    private static string Tunnel(string method, string kind) => $$"""{"address":"172.16.58.7","method":"{{method}}","tunnel":{{kind}}}""";

    private static string Pool(string name, params string[] addresses) =>
        $$"""[ { "name": "{{name}}", "addresses": [ {{string.Join(", ", addresses.Select(a => $"\"{a}\""))}} ] } ]""";

    [Theory]
    [MemberData(nameof(Values))]
    public Task AValueThatIsNotAllowedIsRefused(string field, string value, string? pointer, string says) => AssertRefusedAsync(field, value, 422, pointer ?? field, says);

    [Theory]
    [MemberData(nameof(Types))]
    public Task AValueOfAnotherTypeIsRefused(string field, string value, string pointer, string says) => AssertRefusedAsync(field, value, 400, pointer, says);

    [Fact]
    public async Task TheBaseOfTheseTestsIsGood() => Assert.Equal(200, (await bed.SendAsync(HttpMethod.Put, "v1/config", Base)).Status);

    [Fact]
    public Task MoreServersThanAMaglevTableHolds() => AssertRefusedAsync("/services/0/servers", Servers(251), 422, "/services/0/servers", "fewer than its Maglev table");

    [Fact]
    public async Task NoMoreServersThanAServiceMayHave()
    {
        JsonNode state = JsonNode.Parse(Base)!;
        state["services"]![0]!.AsObject().Remove("maglevTableSize");
        state["services"]![0]!["servers"] = JsonNode.Parse(Servers(8_193));
        await AssertRefusedAsync(state, 422, "/services/0/servers", "at most 8192");
    }

    private static string Snat(string name = "all", string sources = "10.9.0.0/24", string gateway = "10.1.0.254", string more = "\"destinations\": null") =>
        $$"""[ { "name": "{{name}}", "sources": [ {{(sources.Length == 0 ? "" : $"\"{sources}\"")}} ], "gateways": [ "{{gateway}}" ], {{more}} } ]""";

    private static string Servers(int count) => $"[{string.Join(',', Enumerable.Range(0, count).Select(n => $$"""{"address":"172.16.{{100 + (n / 250)}}.{{1 + (n % 250)}}"}"""))}]";

    private Task AssertRefusedAsync(string field, string value, int status, string pointer, string says)
    {
        JsonNode state = JsonNode.Parse(Base)!, at = state;
        string[] steps = [.. field.Split('/')[1..].Select(s => s.Replace("~1", "/", StringComparison.Ordinal))];
        foreach (string step in steps[..^1])
        {
            at = (at is JsonArray list ? list[int.Parse(step)] : at[step])!;
        }

        if (at is JsonArray array)
        {
            array[int.Parse(steps[^1])] = JsonNode.Parse(value);
        }
        else
        {
            at[steps[^1]] = JsonNode.Parse(value);
        }

        return AssertRefusedAsync(state, status, pointer, says);
    }

    private async Task AssertRefusedAsync(JsonNode state, int status, string pointer, string says)
    {
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Put, "v1/config", Base)).Status);
        string before = await bed.GetAsync();
        (int answered, string body, HttpResponseMessage answer) = await bed.SendAsync(HttpMethod.Put, "v1/config", state.ToJsonString());
        Assert.True(answered == status, $"{answered}: {body}");
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Problem problem = JsonSerializer.Deserialize(body, ApiJson.Default.Problem)!;
        Assert.Equal((status, pointer), (problem.Status, problem.Pointer));
        Assert.Contains(says, problem.Title + problem.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", problem.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("Forwarder.", problem.Detail, StringComparison.Ordinal);
        Assert.Equal(before, await bed.GetAsync());
    }
}
