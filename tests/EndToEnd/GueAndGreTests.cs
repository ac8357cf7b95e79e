using System.Globalization;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Tunnels with GUE and GRE (ipvsadm -i --tun-type): one combination of families for each kind; golden cases have the others.</summary>
public sealed class GueAndGreTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int TransferPort = 8080, LinkMtuBytes = 1_500, Requests = 40, TransferBytes = 3_000_000;

    [Theory]
    [InlineData(false, false, "--tun-type gue --tun-port 6080 --tun-nocsum", 17, 32)]
    [InlineData(true, false, "--tun-type gue --tun-port 6080 --tun-csum", 17, 32)]
    [InlineData(false, true, "--tun-type gre --tun-csum", 47, 48)]
    [InlineData(true, true, "--tun-type gre", 47, 44)]
    public void Gue_and_gre_carry_pages_and_transfers(bool vip6, bool rip6, string kind, int protocol, int headerBytes)
    {
        string vip = vip6 ? S1Lab.VipV6 : S1Lab.Vip, shown = vip6 ? $"[{vip}]" : vip;
        bed.Ipvsadm("-C");
        Service($"-t {shown}:80", rip6, kind);
        Service($"-t {shown}:{TransferPort}", rip6, kind);
        bed.Lab.Client.Run("ip -4 route flush cache");
        bed.Lab.Client.Run("ip -6 route flush cache");
        List<Decapsulator> ends = [.. bed.Lab.RealServers.Select(s => new Decapsulator(s.Netns))];
        List<Transfer> servers = [.. bed.Lab.RealServers.Select(s => new Transfer(s.Netns, TransferPort, vip))];
        try
        {
            using HttpLoad load = new(bed.Lab.Client, vip, clients: 1, requests: Requests);
            bed.AssertNoFailure(load.Join());
            Assert.True(Transfer.Run(bed.Lab.Client, vip, TransferPort, TransferBytes, seed: 1), "what arrived differs");
            Assert.All(ends, e => Assert.Equal((0, 0, 0), (e.Bad, e.Of(4), e.Of(41))));
            Assert.True(ends.Sum(e => e.Of(protocol)) > Requests, "servers got nothing by the tunnel");
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
            ends.ForEach(e => e.Dispose());
        }

        Assert.Contains($"mtu {(LinkMtuBytes - headerBytes).ToString(CultureInfo.InvariantCulture)} ", bed.Lab.Client.Ip($"route get {vip}") + " ", StringComparison.Ordinal);
    }

    private void Service(string service, bool rip6, string kind)
    {
        bed.Ipvsadm($"-A {service} -s wlc");
        foreach (RealServerHost server in bed.Lab.RealServers)
        {
            bed.Ipvsadm($"-a {service} -r {(rip6 ? server.AddressV6 : server.Address)} -i {kind}");
        }
    }
}
