using System.Security.Cryptography;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Scenario S1 with a source pool, and on rs7 the servers of programs that people use: nginx with a large file, dnsmasq; iperf3 for one test each.</summary>
public sealed class ProgramLab : IDisposable
{
    public const int IperfPort = 5201, DnsPort = 53;
    public const string Source = "172.16.58.200", Source6 = "fd16::200", HostName = "www.test", HostAddress = "192.0.2.53";
    private const int FileBytes = 100_000_000, PieceBytes = 1_000_000;

    public ProgramLab()
    {
        Lab = new S1Lab();
        try
        {
            Lab.Director.AddSourcePool(Source, Source6);
            Lab.Director.Start();
            Hash = MakeFile(Path.Combine(Server.Files, "large"));
            string[] addresses = [S1Lab.Vip, S1Lab.VipV6, Server.Address, Server.AddressV6];
            Server.Netns.Run($"dnsmasq -C /dev/null -u root -x {Lab.Folder}/dnsmasq.pid --no-hosts --no-resolv --bind-interfaces -p {DnsPort} --host-record={HostName},{HostAddress} {string.Join(' ', addresses.Select(a => $"--listen-address={a}"))}");
        }
        catch
        {
            Lab.Dispose();
            throw;
        }
    }

    /// <summary>The network.</summary>
    public S1Lab Lab { get; }

    /// <summary>Where the servers run.</summary>
    public RealServerHost Server => Lab.RealServers[0];

    /// <summary>SHA-256 of the large file.</summary>
    public string Hash { get; }

    /// <summary>iperf3 against a server of its own on an address of rs7 (one that serves a second test may say that it is busy with the first); its report.</summary>
    public string Iperf3(string server, string client, string options)
    {
        Wait.Until(() => Iperf3Servers() == "", "the last iperf3 ends");
        Server.Netns.Run($"iperf3 -s -1 -D -B {server} -p {IperfPort} --logfile {Lab.Folder}/iperf3.log");
        Wait.Until(() => Iperf3Servers() != "", "iperf3 listens");
        return Lab.Client.Run($"iperf3 -J -c {client} -p {IperfPort} {options}");
    }

    /// <summary>SHA-256 of a file.</summary>
    public static string HashOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexString(SHA256.HashData(file));
    }

    /// <inheritdoc/>
    public void Dispose() => Lab.Dispose();

    private string Iperf3Servers() => Server.Netns.Run($"ss -l -t -n -H sport = :{IperfPort}");

    private static string MakeFile(string path)
    {
        using (FileStream file = File.Create(path))
        {
            for (int bytes = 0; bytes < FileBytes; bytes += PieceBytes)
            {
                file.Write(RandomNumberGenerator.GetBytes(PieceBytes));
            }
        }

        return HashOf(path);
    }
}
