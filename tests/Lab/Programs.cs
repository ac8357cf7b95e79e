using System.Security.Cryptography;
using System.Text.Json;

namespace Forwarder.Lab;

/// <summary>
/// Programs that people use, on a real server and on the client of scenario S1: nginx gives a large file to curl and takes it back, dnsmasq
/// answers dig, iperf3 has a server of its own for each test, ping asks the VIP itself.
/// </summary>
public sealed class Programs
{
    public const int WebPort = 80, IperfPort = 5201, DnsPort = 53;
    private const string HostName = "www.test", HostAddress = "192.0.2.53";
    private const int PieceBytes = 1_000_000, TimeoutS = 60, IperfTcpBytes = 20_000_000, IperfUdpBytes = 80_000, IperfUdpDatagramBytes = 1_000; // 80 datagrams fit a receiver's buffer while it is stalled
    private readonly S1Lab _lab;
    private readonly string _hash;

    /// <summary>Makes a file of this size and starts the name server, on rs7.</summary>
    public Programs(S1Lab lab, int fileBytes)
    {
        _lab = lab;
        _hash = MakeFile(Path.Combine(Server.Files, "large"), fileBytes);
        string[] addresses = [S1Lab.Vip, S1Lab.VipV6, Server.Address, Server.AddressV6];
        Server.Netns.Run($"dnsmasq -C /dev/null -u root -x {lab.Folder}/dnsmasq.pid --no-hosts --no-resolv --bind-interfaces -p {DnsPort} --host-record={HostName},{HostAddress} {string.Join(' ', addresses.Select(a => $"--listen-address={a}"))}");
    }

    /// <summary>What the programs need of the director, as ipvsadm has it.</summary>
    public static IReadOnlyList<(string Protocol, int Port)> Services { get; } = [("-t", WebPort), ("-t", IperfPort), ("-u", IperfPort), ("-t", DnsPort), ("-u", DnsPort)];

    /// <summary>Where the servers run.</summary>
    public RealServerHost Server => _lab.RealServers[0];

    /// <summary>The server's way to the clients leads over the director, until disposed of: NAT needs it.</summary>
    public IDisposable RoutedByDirector() => new Routes(Server.Netns, $"{S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}", $"fd16::1/128 via {S1Lab.DipV6.Split('/')[0]}");

    /// <summary>curl gets the file and puts it back; "" if its SHA-256 is the same after each.</summary>
    public string Curl(string vip)
    {
        string shown = vip.Contains(':', StringComparison.Ordinal) ? $"[{vip}]" : vip, got = Path.Combine(_lab.Folder, "got"), put = Path.Combine(Server.Files, "put");
        _lab.Client.Run($"curl -s -S -f -g -m {TimeoutS} -o {got} http://{shown}/files/large");
        _lab.Client.Run($"curl -s -S -f -g -m {TimeoutS} -T {got} http://{shown}/files/put");
        string wrong = (HashOf(got) == _hash ? "" : "what was got differs") + (HashOf(put) == _hash ? "" : "what was put differs");
        File.Delete(put);
        return wrong;
    }

    /// <summary>dig asks by UDP and by TCP; "" if both are answered.</summary>
    public string Dig(string vip)
    {
        string[] answers = [.. ((string[])["+notcp", "+tcp"]).Select(protocol => _lab.Client.Run($"dig {protocol} +short +time=5 +tries=3 @{vip} {HostName} A").Trim())];
        return answers.All(a => a == HostAddress) ? "" : string.Join("; ", answers);
    }

    /// <summary>ping asks the VIP twice; "" if both are answered.</summary>
    public string Ping(string vip)
    {
        string report = _lab.Client.Try($"ping -n -c 2 -i 0.2 -W 2 {vip}").Output;
        return report.Contains(" 2 received", StringComparison.Ordinal) ? "" : report;
    }

    /// <summary>iperf3 by TCP and UDP, both ways; "" if half of it at least has arrived in each.</summary>
    /// <param name="vip">What the client knows.</param>
    /// <param name="serverAddress">Where the server listens.</param>
    public string Iperf3(string vip, string serverAddress) => string.Concat(((string[])["", " -R"]).Select(way =>
        Iperf3(vip, serverAddress, $"-n {IperfTcpBytes}{way}", IperfTcpBytes / 2) + Iperf3(vip, serverAddress, $"-u -b 10M -l {IperfUdpDatagramBytes} -n {IperfUdpBytes}{way}", IperfUdpBytes / 2)));

    /// <summary>One test. What the receiver had counted when the sender was done, wherever it is: the last bytes are still under way.</summary>
    private string Iperf3(string vip, string serverAddress, string options, long leastBytes)
    {
        // A server that serves a second test may say that it is busy with the first.
        Wait.Until(() => Iperf3Servers() == "", "the last iperf3 ends");
        Server.Netns.Run($"iperf3 -s -1 -D -B {serverAddress} -p {IperfPort} --logfile {_lab.Folder}/iperf3.log");
        Wait.Until(() => Iperf3Servers() != "", "iperf3 listens");
        string report = _lab.Client.Run($"iperf3 -J -c {vip} -p {IperfPort} {options}");
        using JsonDocument json = JsonDocument.Parse(report);
        return json.RootElement.GetProperty("end").TryGetProperty("sum_received", out JsonElement received) && received.GetProperty("bytes").GetInt64() >= leastBytes
            ? "" : $"iperf3 {options}: {report}";
    }

    private string Iperf3Servers() => Server.Netns.Run($"ss -l -t -n -H sport = :{IperfPort}");

    private static string HashOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(file));
    }

    private static string MakeFile(string path, int fileBytes)
    {
        using (FileStream file = File.Create(path))
        {
            for (int bytes = 0; bytes < fileBytes; bytes += PieceBytes)
            {
                file.Write(RandomNumberGenerator.GetBytes(PieceBytes));
            }
        }

        return HashOf(path);
    }
}
