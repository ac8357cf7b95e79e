using Forwarder.Api;

namespace Forwarder.Cli.Tests;

/// <summary>The columns are those of ipvsadm 1.31: scripts cut them by position.</summary>
public sealed class IpvsadmListingTests
{
    private static readonly ServiceView[] s_services = Services("""
        [ { "id": "tcp:172.16.58.1:80", "protocol": "tcp", "address": "172.16.58.1", "port": 80, "scheduler": "wlc", "maglevTableSize": 65537,
            "traffic": { "connections": 37039, "packets": 195405, "bytes": 12198569, "connectionsPerSecond": 12, "packetsPerSecond": 345, "bytesPerSecond": 6789 },
            "servers": [ { "id": "172.16.58.7:80", "address": "172.16.58.7", "port": 80, "weight": 2, "method": "dr", "activeConnections": 3, "inactiveConnections": 24608, "neighbour": "reachable", "mac": "02:00:00:00:00:07",
              "traffic": { "connections": 24609, "packets": 131524, "bytes": 123456789012, "connectionsPerSecond": 8, "packetsPerSecond": 230, "bytesPerSecond": 4526 } } ] },
          { "id": "udp:[fd16::100]:53", "protocol": "udp", "address": "fd16::100", "port": 53, "scheduler": "mh", "maglevTableSize": 251, "traffic": { "connections": 0, "packets": 0, "bytes": 0, "connectionsPerSecond": 0, "packetsPerSecond": 0, "bytesPerSecond": 0 },
            "servers": [] } ]
        """);

    [Fact]
    public void List() => Assert.Equal("""
        IP Virtual Server version 1.2.1 (size=4096)
        Prot LocalAddress:Port Scheduler Flags
          -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
        TCP  172.16.58.1:80 wlc
          -> 172.16.58.7:80               Route   2      3          24608     
        UDP  [fd16::100]:53 mh

        """, Printed(l => l.Services(s_services, IpvsadmOptions.Parse(["-L", "-n"]))));

    /// <summary>Blanks at the ends of lines as ipvsadm prints them, too.</summary>
    [Fact]
    public void Thresholds()
    {
        ServiceView service = s_services[0] with { Servers = [s_services[0].Servers[0] with { UpperThreshold = 100, LowerThreshold = 60 }] };
        string[] lines =
        [
            "IP Virtual Server version 1.2.1 (size=4096)", "Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ", "  -> RemoteAddress:Port",
            "TCP  172.16.58.1:80              ", "  -> 172.16.58.7:80               100        60         3          24608     ", "",
        ];
        Assert.Equal(string.Join('\n', lines), Printed(l => l.Services([service], IpvsadmOptions.Parse(["-L", "-n", "--thresholds"]))));
    }

    [Fact]
    public void Stats() => Assert.Equal("""
        IP Virtual Server version 1.2.1 (size=4096)
        Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
          -> RemoteAddress:Port
        TCP  172.16.58.1:80                  37039   195405        0 12198569        0
          -> 172.16.58.7:80                  24609   131524        0     123G        0
        UDP  [fd16::100]:53                      0        0        0        0        0

        """, Printed(l => l.Services(s_services, IpvsadmOptions.Parse(["-L", "-n", "--stats"]))));

    [Theory]
    [InlineData(99_999_999, "99999999")]
    [InlineData(100_000_000, "100000K")]
    [InlineData(999_999_999, "999999K")]
    [InlineData(1_000_000_000, "1000M")]
    [InlineData(99_999_999_999, "99999M")]
    [InlineData(100_000_000_000, "100G")]
    [InlineData(99_999_999_999_999, "99999G")]
    [InlineData(100_000_000_000_000, "100T")]
    public void UnitsOfLargeNumbers(long packets, string column)
    {
        ServiceView service = s_services[1] with { Traffic = new TrafficView { Packets = packets } };
        Assert.Contains("        0 " + column.PadLeft(8) + "        0", Printed(l => l.Services([service], IpvsadmOptions.Parse(["-L", "--stats"]))), StringComparison.Ordinal);
    }

    [Fact]
    public void OrderIsThatOfNumbers()
    {
        string[] ids = ["tcp:10.0.0.2:80", "tcp:10.0.0.10:9", "tcp:10.0.0.10:80", "udp:10.0.0.1:1", "sctp:10.0.0.1:1", "tcp:[fd16::1]:1"];
        ServiceView[] services = [.. ids.Reverse().Select(id => s_services[0] with { Id = id, Protocol = id.Split(':')[0], Address = End(id).Address.ToString(), Port = End(id).Port })];
        Assert.Equal(ids, IpvsadmOrder.Sorted(services).Select(s => s.Id));

        static System.Net.IPEndPoint End(string id) => System.Net.IPEndPoint.Parse(id[(id.IndexOf(':', StringComparison.Ordinal) + 1)..]);
    }

    [Fact]
    public void StatsExact() => Assert.Contains("  -> 172.16.58.7:80                  24609   131524        0 123456789012        0\n",
        Printed(l => l.Services(s_services, IpvsadmOptions.Parse(["-L", "-n", "--stats", "--exact"]))));

    [Fact]
    public void Rate() => Assert.Equal("""
        IP Virtual Server version 1.2.1 (size=4096)
        Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
          -> RemoteAddress:Port
        TCP  172.16.58.1:80                     12      345        0     6789        0
          -> 172.16.58.7:80                      8      230        0     4526        0
        UDP  [fd16::100]:53                      0        0        0        0        0

        """, Printed(l => l.Services(s_services, IpvsadmOptions.Parse(["-L", "-n", "--rate"]))));

    [Fact]
    public void Connections() => Assert.Equal("""
        IPVS connection entries
        pro expire state       source             virtual            destination
        TCP 01:25  FIN_WAIT    172.16.0.1:11517   172.16.58.1:80     172.16.58.8:80

        """, Printed(l => l.Connections([new ConnectionView { Protocol = "tcp", ExpiresS = 85, State = "FIN_WAIT", Client = "172.16.0.1:11517", Virtual = "172.16.58.1:80", Server = "172.16.58.8:80", Worker = 0 }])));

    [Fact]
    public void WhatIsSavedCanBeRead()
    {
        string saved = Printed(l => l.Save(s_services));
        Assert.Equal("-A -t 172.16.58.1:80 -s wlc\n-a -t 172.16.58.1:80 -r 172.16.58.7:80 -g -w 2\n-A -u [fd16::100]:53 -s mh\n", saved);
        Assert.Equal("AaA", string.Concat(saved.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => IpvsadmOptions.Parse(l.Split(' ')).Command)));
    }

    private static string Printed(Action<IpvsadmListing> print)
    {
        using StringWriter output = new() { NewLine = "\n" };
        print(new IpvsadmListing(output));
        return output.ToString();
    }

    private static ServiceView[] Services(string json) => [.. System.Text.Json.JsonSerializer.Deserialize($$"""{ "services": {{json}} }""", ApiJson.Default.ServiceList)!.Services];
}
