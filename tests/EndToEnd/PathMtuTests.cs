using System.Globalization;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>The client's link takes 1,500 bytes, the server's 1,400: each method tells the client what fits, and a transfer arrives whole.</summary>
public sealed class PathMtuTests : IDisposable
{
    private const string Back = "back", Rip = "10.1.0.7", Rip6 = "fd17::7", Source = "10.1.0.200", Source6 = "fd17::200";
    private const int Port = 8080, ServerMtuBytes = 1_400, TransferBytes = 100_000_000, AddressTransferBytes = 3_000_000, Mss4 = 1_460, Mss6 = 1_440;
    private readonly S1Lab _lab = new();
    private readonly Netns _server;

    public PathMtuTests()
    {
        _server = _lab.RealServers[0].Netns;
        try
        {
            _lab.Wire(Back, _lab.Director);
            Shell.Run($"ip link add e1 netns {_server.Name} type veth peer name {Back}-rs netns {_lab.Switch.Name}");
            _lab.Switch.Ip($"link set {Back}-rs master {Back} up");
            _lab.Switch.Run($"ethtool -K {Back}-rs tx off");
            _server.Ip($"link set e1 mtu {ServerMtuBytes} up");
            _server.Ip($"addr add {Rip}/24 dev e1");
            _server.Ip($"addr add {Rip6}/64 dev e1 nodad");
            _server.Run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.e1.rp_filter=0");

            // A server says what its own link takes, and a client never sends more: it shall say what a link further away would.
            _server.Ip($"route add {Source}/32 dev e1 advmss {Mss4}");
            _server.Ip($"route add {Source6}/128 dev e1 advmss {Mss6}");
            _lab.Director.Configuration = $$"""
                {
                  "dataplane": { "flowsPerWorker": 65536, "ports": [
                    { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" },
                    { "name": "{{Back}}", "device": "net_af_packet1,iface={{Back}}", "mtuBytes": {{ServerMtuBytes}} } ] },
                  "sourcePools": [ { "name": "lan", "addresses": [ "{{Source}}", "{{Source6}}" ] } ],
                  "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}", "{{S1Lab.DipV6}}" ] },
                    { "name": "{{Back}}", "port": "{{Back}}", "addresses": [ "10.1.0.2/24", "fd17::2/64" ] } ]
                }
                """;
            _lab.Director.Start();
        }
        catch
        {
            _lab.Dispose();
            throw;
        }
    }

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_transfer_passes_by_each_method(bool v6)
    {
        using Decapsulator end = new(_server);
        using Transfer server = new(_server, Port);
        Try(v6, "-g", 0);
        Try(v6, "-i", v6 ? 40 : 20);
        Try(v6, "-i --tun-type gue --tun-port 6080 --tun-nocsum", v6 ? 52 : 32);
        Try(v6, "-i --tun-type gre --tun-nocsum", v6 ? 44 : 24);
        Try(v6, "-b", 0);
        _server.Ip($"route add {S1Lab.ClientAddress}/32 via 10.1.0.2 advmss {Mss4}");
        _server.Ip($"route add fd16::1/128 via fd17::2 advmss {Mss6}");
        Try(v6, "-m", 0);
        Assert.Equal(0, end.Bad);
    }

    /// <summary>An IPv4 server behind an IPv6 VIP: the client may send the 20 bytes more that an IPv4 header is shorter.</summary>
    [Fact]
    public void A_transfer_from_IPv6_to_IPv4_passes()
    {
        using Transfer server = new(_server, Port);
        Try(true, "-b", -20, Rip);
    }

    /// <summary>The server's MSS is lowered to what its link takes with header or option, so that the client sends nothing too big.</summary>
    [Theory]
    [InlineData("proxyV2")]
    [InlineData("toa")]
    public void A_transfer_passes_with_the_clients_address(string how)
    {
        using IDisposable server = how == "toa" ? new Transfer(_server, Port) : new ProxiedServer(_server, Port);
        foreach ((string vip, string real) in (ReadOnlySpan<(string, string)>)[(S1Lab.Vip, Rip), (S1Lab.VipV6, $"[{Rip6}]")])
        {
            string id = real == Rip ? $"tcp:{vip}:{Port}" : $"tcp:[{vip}]:{Port}";
            foreach (string line in (string[])[$"service add {id} --client-address {how}", $"server add {id} {real}:{Port} --method fullnat"])
            {
                CommandResult result = _lab.Director.Fwdctl(line);
                Assert.True(result.ExitCode == 0, $"{line}: {result.Errors}");
            }

            string wrong = how != "toa" ? ProxiedServer.Exchange(_lab.Client, vip, Port, AddressTransferBytes, seed: 1) : Transfer.Run(_lab.Client, vip, Port, AddressTransferBytes, seed: 1) ? "" : "what arrived differs";
            Assert.Equal("", wrong);
        }

        Assert.Equal(0UL, ErrorsSent());
    }

    private void Try(bool v6, string method, int headerBytes, string? real = null)
    {
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, service = v6 ? $"[{vip}]:{Port}" : $"{vip}:{Port}", address = real ?? (v6 ? $"[{Rip6}]" : Rip);
        _lab.Director.MustIpvsadm("-C");
        _lab.Director.MustIpvsadm($"-A -t {service} -s wlc");
        _lab.Director.MustIpvsadm($"-a -t {service} -r {address}:{Port} {method}");
        _lab.Client.Run("ip -4 route flush cache");
        _lab.Client.Run("ip -6 route flush cache");
        ulong before = ErrorsSent();
        Assert.True(Transfer.Run(_lab.Client, vip, Port, TransferBytes, seed: 1), $"{method}: what arrived differs");
        Assert.True(ErrorsSent() > before, $"{method}: no ICMP error was sent");
        Assert.Contains($"mtu {(ServerMtuBytes - headerBytes).ToString(CultureInfo.InvariantCulture)} ", _lab.Client.Ip($"route get {vip}") + " ", StringComparison.Ordinal);
    }

    private ulong ErrorsSent() => _lab.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).SlowPath["errorsSent"];
}
