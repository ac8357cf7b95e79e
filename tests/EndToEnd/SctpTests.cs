using System.Text.RegularExpressions;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>SCTP services: associations of usrsctp, from the first INIT to the last SHUTDOWN COMPLETE, with each method. The real server rs8 is the one for NAT: its way to the client leads over the director.</summary>
public sealed class SctpTests : IDisposable
{
    private const int Port = 3868, ServerPort = 3869, ClosedPort = 3870, Bytes = 3_000_000, PacketBytesMax = 1_400;
    private const string Source = "172.16.58.200", Source6 = "fd16::200", ClientAddress6 = "fd16::1";
    private readonly S1Lab _lab = new();

    public SctpTests()
    {
        try
        {
            _lab.Director.AddSourcePool(Source, Source6);
            _lab.Director.Start();
            Netns nat = _lab.RealServers[1].Netns;
            nat.Ip($"route replace {S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}");
            nat.Ip($"route replace {ClientAddress6}/128 via {S1Lab.DipV6.Split('/')[0]}");
            Netns direct = _lab.RealServers[0].Netns;   // usrsctp takes no address of a loopback for a peer elsewhere
            direct.Ip("link add vip0 type veth peer name vip1");
            direct.Ip("link set vip0 up");
            direct.Ip("link set vip1 up");
            foreach (string vip in (string[])[$"{S1Lab.Vip}/32", $"{S1Lab.VipV6}/128"])
            {
                direct.Ip($"addr del {vip} dev lo");
                direct.Ip($"addr add {vip} dev vip0 nodad");
            }

            direct.Ip($"route add {ClientAddress6}/128 dev e0 src {S1Lab.VipV6}");   // it leaves an IPv6 packet's source to the kernel
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
    public void Associations_pass_with_each_method(bool v6)
    {
        (RealServerHost rs7, RealServerHost rs8) = (_lab.RealServers[0], _lab.RealServers[1]);
        string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip, client = v6 ? ClientAddress6 : S1Lab.ClientAddress, service = $"--sctp-service {(v6 ? $"[{vip}]" : vip)}:{Port}";
        using SctpPeer direct = Server(rs7, vip, Port), behind7 = Server(rs7, Address(rs7, v6), ServerPort), behind8 = Server(rs8, Address(rs8, v6), ServerPort), samePort = Server(rs8, Address(rs8, v6), Port);
        using Decapsulator end = new(rs7.Netns);
        _lab.Director.MustIpvsadm($"-A {service} -s wlc");
        Assert.Equal("refused", Transfer(client, vip, Port));   // no real server
        Assert.Equal("refused", Transfer(client, vip, ClosedPort));   // no service
        (RealServerHost Server, int Port, string Option, string Shown)[] methods = [(rs7, Port, "-g", "Route"), (rs7, Port, "-i", "Tunnel"), (rs8, Port, "-m", "Masq"), (rs8, ServerPort, "-m", "Masq"), (rs7, ServerPort, "-b", "FullNat")];
        foreach ((RealServerHost server, int port, string option, string shown) in methods)
        {
            string real = v6 ? $"[{server.AddressV6}]:{port}" : $"{server.Address}:{port}";
            _lab.Director.MustIpvsadm($"-a {service} -r {real} {option}");
            Assert.Equal((option, "same"), (option, Transfer(client, vip, Port)));
            Wait.Until(() => Connections(real).All(c => c.Contains(" CLOSED ", StringComparison.Ordinal)), "all associations are closed");
            string[] listing = _lab.Director.MustIpvsadm("-L -n").Split('\n'), open = Connections(real);
            Assert.Contains(listing, l => l.StartsWith($"SCTP {(v6 ? $"[{vip}]" : vip)}:{Port} wlc", StringComparison.Ordinal));
            Assert.Contains(listing, l => Regex.IsMatch(l, $@"^  -> {Regex.Escape(real)} +{shown} +1 +0 +{open.Length} *$"));
            Assert.All(open, c => Assert.Matches(@"^SCTP 0[01]:\d\d +CLOSED ", c));
            Assert.NotEmpty(open);
            _lab.Director.MustIpvsadm($"-d {service} -r {real}");
        }

        Assert.InRange(v6 ? end.Packets.In6 : end.Packets.In4, Bytes / PacketBytesMax, int.MaxValue);
        Assert.Contains($"-A {service} ", _lab.Director.MustIpvsadm("-S -n"), StringComparison.Ordinal);
        SourcePoolView pool = Assert.Single(_lab.Director.Api.Get("v1/source-pools", ApiJson.Default.IReadOnlyListSourcePoolView));
        Assert.Equal(1UL, pool.Addresses.Single(a => a.Address == (v6 ? Source6 : Source)).PortsInUse);
    }

    private string[] Connections(string server) => [.. _lab.Director.MustIpvsadm("-L -n -c").Split('\n').Where(l => l.EndsWith($" {server}", StringComparison.Ordinal))];

    private static string Address(RealServerHost server, bool v6) => v6 ? server.AddressV6 : server.Address;

    private SctpPeer Server(RealServerHost host, string address, int port) => new(host.Netns, address, port, _lab.Folder);

    private string Transfer(string from, string to, int port) => SctpPeer.Transfer(_lab.Client, from, to, port, Bytes, _lab.Folder);
}
