using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Servers behind FullNAT learn the addresses of their clients: by nginx, whose reading of the PROXY protocol is not ours, and by a server that speaks first.</summary>
public sealed class ClientAddressTests : IDisposable
{
    private const string Source = "172.16.58.200", Source6 = "fd16::200", Client6 = "fd16::1", Nat64Vip = "fd16::164";
    private const int Port = 8080, ServerPort = 8081, TransferBytes = 20_000_000, LossyBytes = 100_000, LossyConnections = 4, DatagramBytesMax = 1_500 - 48 - 64;
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

    /// <summary>A tenth of all TCP packets is lost, each way: of handshakes, headers and what acknowledges them, too.</summary>
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

    /// <summary>A service with one real server; returns the VIP as URLs have it.</summary>
    private string Service(string vip, bool serverV6, int port, int serverPort, string protocol = "tcp")
    {
        string shown = vip.Contains(':', StringComparison.Ordinal) ? $"[{vip}]" : vip, id = $"{protocol}:{shown}:{port}";
        string server = serverV6 ? $"[{_lab.RealServers[0].AddressV6}]" : _lab.RealServers[0].Address;
        foreach (string line in (string[])[$"service add {id} --client-address proxyV2", $"server add {id} {server}:{serverPort} --method fullnat"])
        {
            CommandResult result = _lab.Director.Fwdctl(line);
            Assert.True(result.ExitCode == 0, $"{line}: {result.Errors}");
        }

        return shown;
    }
}
