using System.Globalization;
using System.Net;
using Forwarder.Api;
using Forwarder.Lab;
using Forwarder.TestSupport;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Servers behind FullNAT learn the addresses of their clients: by nginx, whose reading of the PROXY protocol is not ours, and by a server that speaks first; TOA as tshark sees it at the server.</summary>
public sealed class ClientAddressTests : IDisposable
{
    private const string Source = "172.16.58.200", Source6 = "fd16::200", Client6 = "fd16::1", Nat64Vip = "fd16::164";
    private const int Port = 8080, ServerPort = 8081, TransferBytes = 20_000_000, LossyBytes = 100_000, LossyConnections = 4, DatagramBytesMax = 1_500 - 48 - 64;
    private const int OptionKind = 254, OpeningSegmentsMax = 1_000, AnswerTimeoutMs = 5_000;
    private readonly S1Lab _lab = new();

    public ClientAddressTests()
    {
        try
        {
            _lab.Director.AddSourcePool(Source, Source6);
            _lab.Director.Start();
        }
        catch
        {
            _lab.Dispose();
            throw;
        }
    }

    public void Dispose() => _lab.Dispose();

    /// <summary>Client's address, VIP, family of the server.</summary>
    public static TheoryData<string, string, bool> Ways => new() { { S1Lab.ClientAddress, S1Lab.Vip, false }, { Client6, S1Lab.VipV6, true }, { Client6, Nat64Vip, false } };

    [Theory]
    [MemberData(nameof(Ways))]
    public void Nginx_logs_the_clients_address_and_a_server_that_speaks_first_has_it_at_once(string client, string vip, bool serverV6)
    {
        string shown = Service(vip, serverV6, 80, RealServerHost.ProxyPort);
        Assert.Equal("rs7\n", _lab.Client.Run($"curl -s -g -m 5 --local-port 45001 http://{shown}/"));
        Assert.Equal("rs7\n", _lab.Client.Run($"curl -s -g -m 5 --tcp-fastopen --local-port 45002 http://{shown}/"));
        string[] expected = [$"{client} 45001 {vip} 80", $"{client} 45002 {vip} 80"];
        Wait.Until(() => File.ReadAllLines(_lab.RealServers[0].ProxyLog).Length >= expected.Length, "nginx's log");
        Assert.Equal(expected, File.ReadAllLines(_lab.RealServers[0].ProxyLog));

        Service(vip, serverV6, Port, ServerPort);
        using ProxiedServer server = new(_lab.RealServers[0].Netns, ServerPort);
        Assert.Equal("", ProxiedServer.Exchange(_lab.Client, vip, Port, TransferBytes, seed: client.Length));
    }

    [Fact]
    public void Each_datagram_has_the_header()
    {
        using ProxiedServer server = new(_lab.RealServers[0].Netns, ServerPort);
        foreach ((string vip, bool serverV6) in (ReadOnlySpan<(string, bool)>)[(S1Lab.Vip, false), (S1Lab.VipV6, true), (Nat64Vip, false)])
        {
            Service(vip, serverV6, Port, ServerPort, "udp");
            Assert.All((int[])[0, 1, 100, 1_001, DatagramBytesMax], b => Assert.Equal("", ProxiedServer.Ask(_lab.Client, vip, Port, b)));
        }
    }

    /// <summary>dnsdist, whose reading of the PROXY protocol is not ours, writes down whom each question comes from, by UDP and TCP.</summary>
    [Fact]
    public void A_name_server_reads_the_header()
    {
        string log = Path.Combine(_lab.Folder, "questions"), configuration = Path.Combine(_lab.Folder, "dnsdist.conf");
        RealServerHost server = _lab.RealServers[0];
        File.WriteAllText(configuration, $$"""
            setLocal("{{server.Address}}:{{ServerPort}}") addLocal("[{{server.AddressV6}}]:{{ServerPort}}")
            setACL({"0.0.0.0/0", "::/0"}) setProxyProtocolACL({"{{Source}}/32", "{{Source6}}/128"}) setSecurityPollSuffix("")
            addAction(AllRule(), LogAction("{{log}}", false, true, false))
            addAction(AllRule(), SpoofAction("192.0.2.53"))
            """);
        Shell.Run(["ip", "netns", "exec", server.Netns.Name, "sh", "-c", $"dnsdist --supervised --disable-syslog -C {configuration} >{_lab.Folder}/dnsdist.log 2>&1 &"]);
        Wait.Until(() => server.Netns.Run($"ss -l -t -n -H sport = :{ServerPort}").Split('\n', StringSplitOptions.RemoveEmptyEntries).Length == 2, "dnsdist listens");
        List<string> expected = [];
        foreach ((string client, string vip, bool serverV6) in Ways.Select(w => ((string)w[0], (string)w[1], (bool)w[2])))
        {
            foreach ((string protocol, string option) in (ReadOnlySpan<(string, string)>)[("udp", "+notcp"), ("tcp", "+tcp")])
            {
                Service(vip, serverV6, Port, ServerPort, protocol);
                int clientPort = 45_010 + expected.Count;
                Assert.Equal("192.0.2.53", _lab.Client.Run($"dig {option} +short +time=5 +tries=3 -b {client}#{clientPort} -p {Port} @{vip} www.test A").Trim());
                expected.Add($"Packet from {new IPEndPoint(IPAddress.Parse(client), clientPort)} for www.test. A");
            }
        }

        Wait.Until(() => File.ReadAllLines(log).Length >= expected.Count, "dnsdist's log");
        Assert.Equal(expected, File.ReadAllLines(log).Select(l => l[l.IndexOf("Packet", StringComparison.Ordinal)..].Split(" with id")[0]).Distinct());
    }

    /// <summary>A tenth of all TCP packets is lost, each way: of handshakes, headers and what acknowledges them, too.</summary>
    [Fact]
    public void What_is_lost_comes_again()
    {
        string[] vips = [S1Lab.Vip, Nat64Vip];
        Array.ForEach(vips, v => Service(v, serverV6: false, Port, ServerPort));
        using ProxiedServer server = new(_lab.RealServers[0].Netns, ServerPort);
        foreach (Netns host in (Netns[])[_lab.Client, _lab.RealServers[0].Netns])
        {
            host.Run("nft add table netdev lab");
            host.Run("nft add chain netdev lab loss { type filter hook ingress device e0 priority 0; }");
            host.Run("nft add rule netdev lab loss meta l4proto tcp numgen random mod 10 0 drop");
        }

        for (int seed = 1; seed <= LossyConnections; seed++)
        {
            Assert.Equal("", ProxiedServer.Exchange(_lab.Client, vips[seed % 2], Port, LossyBytes, seed));
        }
    }

    /// <summary>A capture at the server shows the option in the SYN, in an ACK without data and in data, and no longer when the server has answered; what is as large as it may be passes without an ICMP error.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void The_option_is_in_the_segments_that_open_a_connection(string client, string vip, bool serverV6)
    {
        Service(vip, serverV6, Port, ServerPort, address: "toa");
        using Transfer server = new(_lab.RealServers[0].Netns, ServerPort);
        using Capture capture = new(_lab.RealServers[0].Netns, "e0", $"dst port {ServerPort} and {(serverV6 ? "ip6[60]" : "tcp[20]")} = {OptionKind}", _lab.Folder);
        Assert.True(Transfer.Run(_lab.Client, vip, Port, TransferBytes, seed: 3), "what arrived differs");
        string localPort = _lab.Director.Api.Get("v1/connections", ApiJson.Default.ConnectionList).Connections.Single().Client.Split(':')[^1];
        string option = Convert.ToHexString(Segment.AddressOption(new IPEndPoint(IPAddress.Parse(client), int.Parse(localPort, CultureInfo.InvariantCulture))));
        IReadOnlyList<string[]> seen = capture.Dissect("tcp", "tcp.options", "tcp.flags.syn", "tcp.len", "tcp.checksum.status");
        Assert.All(seen, f => Assert.StartsWith(option, f[0].ToUpperInvariant(), StringComparison.Ordinal));
        Assert.All(seen, f => Assert.Equal("1", f[3]));
        Assert.Contains(seen, f => f[1] == "1");
        Assert.Contains(seen, f => f[1] == "0" && f[2] == "0");
        Assert.InRange(seen.Count(f => f[2] != "0"), 1, OpeningSegmentsMax);
        Assert.Equal(0u, _lab.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).SlowPath["errorsSent"]);
    }

    /// <summary>A client that writes the option itself, segment by segment: the server sees its own address alone.</summary>
    [Fact]
    public void A_forged_option_does_not_reach_the_server()
    {
        Service(S1Lab.Vip, serverV6: false, Port, ServerPort, address: "toa");
        using Transfer server = new(_lab.RealServers[0].Netns, ServerPort);
        using Capture capture = new(_lab.RealServers[0].Netns, "e0", $"tcp dst port {ServerPort}", _lab.Folder);
        using RawPort port = new(_lab.Client, "e0");
        IPEndPoint client = new(IPAddress.Parse("172.16.0.77"), 40_000); // the client's kernel does not know this address, and resets nothing
        byte[] forged = Segment.AddressOption(new IPEndPoint(IPAddress.Parse("10.0.0.1"), 53));
        Segment syn = new(client, new IPEndPoint(IPAddress.Parse(S1Lab.Vip), Port)) { Sequence = 1_000, Flags = Segment.Syn, Options = [.. forged, 2, 4, 5, 180] };
        Segment opened = Exchange(port, syn), ack = syn with { Sequence = 1_001, Acknowledgment = opened.Sequence + 1, Flags = Segment.Ack, Options = [1, .. forged, 1, 1, 0] };
        Send(port, ack);
        Segment answer = Exchange(port, ack with { Flags = Segment.Ack | Segment.Psh, Data = [1, 0, 0, 0, 65] });
        Assert.Equal(0, answer.Flags & Segment.Rst);
        Send(port, ack with { Sequence = 1_006, Flags = Segment.Rst });

        string own = Convert.ToHexString(Segment.AddressOption(client)), blank = "0101010101010101";
        Wait.Until(() => _lab.Director.Api.Get("v1/workers", ApiJson.Default.IReadOnlyListWorkerView)[0].Counters["toaForged"] == 4, "four segments with a forged option");
        Assert.Equal([$"{own}{blank}020405B4", $"{own}01{blank}010100", $"{own}01{blank}010100", $"01{blank}010100"], capture.Dissect("tcp", "tcp.options").Select(f => f[0].ToUpperInvariant()));
    }

    private static void Send(RawPort port, Segment segment) =>
        port.Send([.. Convert.FromHexString(S1Lab.DirectorMac.Replace(":", "", StringComparison.Ordinal)), 2, 0, 0, 0, 0, 1, 8, 0, .. segment.ToPacket()]);

    /// <summary>Sends a segment; returns the next one that its sender gets.</summary>
    private static Segment Exchange(RawPort port, Segment segment)
    {
        Send(port, segment);
        byte[]? frame = port.Receive(f => f.Length >= 54 && f[12] == 8 && f[23] == 6 && f.AsSpan(30, 4).SequenceEqual(segment.From.Address.GetAddressBytes()), AnswerTimeoutMs);
        return Segment.Of(Ip.Of(frame ?? throw new IOException("no answer")));
    }

    /// <summary>A service with one real server; returns the VIP as URLs have it.</summary>
    private string Service(string vip, bool serverV6, int port, int serverPort, string protocol = "tcp", string address = "proxyV2")
    {
        string shown = vip.Contains(':', StringComparison.Ordinal) ? $"[{vip}]" : vip, id = $"{protocol}:{shown}:{port}";
        string server = serverV6 ? $"[{_lab.RealServers[0].AddressV6}]" : _lab.RealServers[0].Address;
        foreach (string line in (string[])[$"service add {id} --client-address {address}", $"server add {id} {server}:{serverPort} --method fullnat"])
        {
            CommandResult result = _lab.Director.Fwdctl(line);
            Assert.True(result.ExitCode == 0, $"{line}: {result.Errors}");
        }

        return shown;
    }
}
