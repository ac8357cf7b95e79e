using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Datagrams of up to 8 KB, both ways, by each method. The port is net_af_xdp: net_af_packet lets the kernel reassemble.</summary>
public sealed class FragmentTests : IDisposable
{
    private const string Source = "172.16.58.200", Source6 = "fd16::200";
    private const int Port = 8080, Datagrams = 12, Finders = 4, DatagramBytesMax = 8_192, TunnelMtuBytes = 1_400;
    private readonly S1Lab _lab = new();

    public FragmentTests()
    {
        try
        {
            _lab.Director.Configuration = _lab.Director.Configuration.Replace("net_af_packet0,iface=d0", "net_af_xdp0,iface=d0,busy_budget=0", StringComparison.Ordinal);
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

    [Theory]
    [InlineData("-g")]
    [InlineData("-i")]
    [InlineData("-i --tun-type gre")]
    [InlineData("-i --tun-type gue --tun-port 6080 --tun-csum")]
    [InlineData("-m")]
    [InlineData("-b")]
    public void Datagrams_of_8_KB_arrive_whole(string method)
    {
        bool isTunnel = method.StartsWith("-i", StringComparison.Ordinal);
        foreach (bool v6 in (ReadOnlySpan<bool>)[false, true])
        {
            string vip = v6 ? S1Lab.VipV6 : S1Lab.Vip;
            Prepare(method, isTunnel);
            _lab.Director.MustIpvsadm($"-A -u {Shown(vip)}:{Port} -s wlc");
            foreach (RealServerHost server in _lab.RealServers)
            {
                _lab.Director.MustIpvsadm($"-a -u {Shown(vip)}:{Port} -r {Shown(v6 ? server.AddressV6 : server.Address)}:{Port} {method}");
            }

            List<Decapsulator> ends = isTunnel ? [.. _lab.RealServers.Select(s => new Decapsulator(s.Netns))] : [];
            List<Transfer> servers = [.. _lab.RealServers.Select(s => new Transfer(s.Netns, Port, isTunnel || method == "-g" ? vip : v6 ? s.AddressV6 : s.Address))];
            ulong before = Followed();
            try
            {
                _ = Transfer.Echo(_lab.Client, vip, Port, Finders, bytesMax: 1);   // all find their neighbours: what the first packet meets is another test's
                Assert.Empty(Transfer.Echo(_lab.Client, vip, Port, Datagrams, DatagramBytesMax));
            }
            finally
            {
                servers.ForEach(s => s.Dispose());
                ends.ForEach(e => e.Dispose());
            }

            // About 2.5 later fragments of each datagram, and as many of each reply where it comes back by the director.
            Assert.InRange((int)(Followed() - before), method is "-m" or "-b" ? 40 : 20, 80);
        }
    }

    /// <summary>Where answers go, and what fits a tunnel: without DF nobody tells the client.</summary>
    private void Prepare(string method, bool isTunnel)
    {
        foreach (RealServerHost server in _lab.RealServers.Where(_ => method == "-m"))
        {
            server.Netns.Ip($"route replace {S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}");
            server.Netns.Ip($"route replace fd16::1/128 via {S1Lab.DipV6.Split('/')[0]}");
        }

        if (isTunnel)
        {
            string device = _lab.Client.Ip($"route get {S1Lab.Vip}").Split(" dev ")[1].Split(' ')[0];
            _lab.Client.Ip($"route replace {S1Lab.Vip}/32 dev {device} mtu {TunnelMtuBytes}");
            _lab.Client.Ip($"route replace {S1Lab.VipV6}/128 dev {device} mtu {TunnelMtuBytes}");
        }
    }

    private ulong Followed() => _lab.Director.Api.Get("v1/workers", ApiJson.Default.IReadOnlyListWorkerView)[0].Counters["fragmentsFollowed"];

    private static string Shown(string address) => address.Contains(':', StringComparison.Ordinal) ? $"[{address}]" : address;
}
