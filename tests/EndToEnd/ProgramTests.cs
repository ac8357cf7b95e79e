using System.Text.Json;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Each method with real programs, TCP and UDP: curl gets and puts 100 MB, iperf3 both ways, dig asks a name server, ping the VIP.</summary>
public sealed class ProgramTests(ProgramLab bed) : IClassFixture<ProgramLab>
{
    private const int TimeoutS = 60, IperfTcpBytes = 20_000_000, IperfUdpBytes = 80_000, IperfUdpDatagramBytes = 1_000; // 80 datagrams fit a receiver's buffer while it is stalled
    private readonly RealServerHost _server = bed.Server;

    /// <param name="method">As ipvsadm has it.</param>
    /// <param name="v6">Family of client and VIP.</param>
    /// <param name="serverV6">Family of the server.</param>
    [Theory]
    [InlineData("-g", false, false)]
    [InlineData("-g", true, true)]
    [InlineData("-i", false, false)]
    [InlineData("-i", true, true)]
    [InlineData("-m", false, false)]
    [InlineData("-m", true, true)]
    [InlineData("-b", false, false)]
    [InlineData("-b", true, true)]
    [InlineData("-b", true, false)]
    public void Curl_iperf3_dig_and_ping_get_what_they_ask_for(string method, bool v6, bool serverV6)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, shown = v6 ? $"[{vip}]" : vip, real = serverV6 ? $"[{_server.AddressV6}]" : _server.Address;
        bed.Lab.Director.MustIpvsadm("-C");
        foreach ((string protocol, int port) in (ReadOnlySpan<(string, int)>)[("-t", 80), ("-t", ProgramLab.IperfPort), ("-u", ProgramLab.IperfPort), ("-t", ProgramLab.DnsPort), ("-u", ProgramLab.DnsPort)])
        {
            bed.Lab.Director.MustIpvsadm($"-A {protocol} {shown}:{port} -s wlc");
            bed.Lab.Director.MustIpvsadm($"-a {protocol} {shown}:{port} -r {real}:{port} {method}");
        }

        using Decapsulator? end = method == "-i" ? new Decapsulator(_server.Netns) : null;
        string[] ways = method == "-m" ? [$"{S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}", $"fd16::1/128 via {S1Lab.DipV6.Split('/')[0]}"] : [];
        Array.ForEach(ways, w => _server.Netns.Ip($"route add {w}"));
        try
        {
            Curl(shown);
            Iperf3(vip, method is "-g" or "-i" ? vip : serverV6 ? _server.AddressV6 : _server.Address);
            Dig(vip);
            Assert.Contains("2 received", bed.Lab.Client.Run($"ping -n -c 2 -i 0.2 -W 2 {vip}"), StringComparison.Ordinal);
        }
        finally
        {
            Array.ForEach(ways, w => _server.Netns.Ip($"route del {w}"));
        }
    }

    private void Curl(string shown)
    {
        string got = Path.Combine(bed.Lab.Folder, "got"), put = Path.Combine(_server.Files, "put");
        bed.Lab.Client.Run($"curl -s -S -f -g -m {TimeoutS} -o {got} http://{shown}/files/large");
        Assert.Equal(bed.Hash, ProgramLab.HashOf(got));
        bed.Lab.Client.Run($"curl -s -S -f -g -m {TimeoutS} -T {got} http://{shown}/files/put");
        Assert.Equal(bed.Hash, ProgramLab.HashOf(put));
        File.Delete(put);
    }

    private void Iperf3(string vip, string serverAddress)
    {
        foreach (string way in (string[])["", " -R"])
        {
            Assert.InRange(Received($"-n {IperfTcpBytes}{way}"), IperfTcpBytes / 2, long.MaxValue);
            Assert.InRange(Received($"-u -b 1M -l {IperfUdpDatagramBytes} -n {IperfUdpBytes}{way}"), IperfUdpBytes / 2, long.MaxValue);
        }

        // What the receiver had counted when the sender was done, wherever it is: the last bytes are still under way.
        long Received(string options)
        {
            string report = bed.Iperf3(serverAddress, vip, options);
            using JsonDocument json = JsonDocument.Parse(report);
            return json.RootElement.GetProperty("end").TryGetProperty("sum_received", out JsonElement received)
                ? received.GetProperty("bytes").GetInt64()
                : throw new InvalidDataException($"iperf3 {options}: {report}");
        }
    }

    private void Dig(string vip)
    {
        foreach (string protocol in (string[])["+notcp", "+tcp"])
        {
            Assert.Equal(ProgramLab.HostAddress, bed.Lab.Client.Run($"dig {protocol} +short +time=5 +tries=3 @{vip} {ProgramLab.HostName} A").Trim());
        }
    }
}
