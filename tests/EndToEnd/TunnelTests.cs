using System.Globalization;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Method tunnel (ipvsadm -i): packets reach the real servers in IPv4 or IPv6, answers come straight.</summary>
public sealed class TunnelTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int Requests = 300, TransferBytes = 20_000_000, TransferPort = 8080, Datagrams = 50, DatagramBytesMax = 1_400, LinkMtuBytes = 1_500;

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Web_pages_and_large_transfers_pass(bool vip6, bool rip6)
    {
        string vip = vip6 ? S1Lab.VipV6 : S1Lab.Vip, shown = vip6 ? $"[{vip}]" : vip;
        bed.Ipvsadm("-C");
        Service($"-t {shown}:80", rip6);
        Service($"-t {shown}:{TransferPort}", rip6);
        Service($"-u {shown}:{TransferPort}", rip6);
        string list = bed.Ipvsadm("-L -n");
        Assert.Equal(6, list.Split('\n').Count(l => l.StartsWith("  -> ", StringComparison.Ordinal) && l.Contains(" Tunnel  1 ", StringComparison.Ordinal)));

        ForgetPathMtu();
        ulong toldBefore = Counter("errorsSent");
        List<Decapsulator> ends = [.. bed.Lab.RealServers.Select(s => new Decapsulator(s.Netns))];
        List<Transfer> servers = [.. bed.Lab.RealServers.Select(s => new Transfer(s.Netns, TransferPort, vip))];
        try
        {
            using HttpLoad load = new(bed.Lab.Client, vip, clients: 1, requests: Requests);   // of two, one that waits would leave its server out
            IReadOnlyList<LoadPhase> phases = load.Join();
            bed.AssertNoFailure(phases);
            Assert.InRange(phases[0].SharePercent("rs7"), 45, 55);
            for (int seed = 1; seed <= 2; seed++)
            {
                Assert.True(Transfer.Run(bed.Lab.Client, vip, TransferPort, TransferBytes, seed), "what arrived differs");
            }

            Assert.Empty(Transfer.Echo(bed.Lab.Client, vip, TransferPort, Datagrams, DatagramBytesMax));
            Assert.All(ends, e => Assert.True(rip6 ? e.Packets is { In4: 0, In6: > Requests } : e.Packets is { In4: > Requests, In6: 0 }, $"{e.Packets}"));
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
            ends.ForEach(e => e.Dispose());
        }

        // The client's first full segments did not fit: the director said so, and the client believed it.
        Assert.True(Counter("errorsSent") > toldBefore, "no ICMP error was sent");
        string mtu = (LinkMtuBytes - (rip6 ? 40 : 20)).ToString(CultureInfo.InvariantCulture);
        Assert.Contains($"mtu {mtu} ", bed.Lab.Client.Ip($"route get {vip}") + " ", StringComparison.Ordinal);
    }

    [Fact]
    public void The_method_is_saved_and_edited()
    {
        bed.Ipvsadm("-C");
        bed.Ipvsadm($"-A -t {S1Lab.Vip}:80 -s wlc");
        bed.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r 172.16.58.7 -i -w 3");
        Assert.Contains($"-a -t {S1Lab.Vip}:80 -r 172.16.58.7:80 -i -w 3", bed.Ipvsadm("-S -n"), StringComparison.Ordinal);
        bed.Ipvsadm($"-e -t {S1Lab.Vip}:80 -r 172.16.58.7 -g -w 3");
        Assert.Contains($"-a -t {S1Lab.Vip}:80 -r 172.16.58.7:80 -g -w 3", bed.Ipvsadm("-S -n"), StringComparison.Ordinal);
        CommandResult refused = bed.Director.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r fd16::8 -g");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("different families", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(0, bed.Director.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r fd16::8 -i").ExitCode);
    }

    private void Service(string service, bool rip6)
    {
        bed.Ipvsadm($"-A {service} -s wlc");
        foreach (RealServerHost server in bed.Lab.RealServers)
        {
            bed.Ipvsadm($"-a {service} -r {(rip6 ? server.AddressV6 : server.Address)} -i");
        }
    }

    private ulong Counter(string name) => bed.Director.Api.Get("v1/counters", ApiJson.Default.CountersView).SlowPath[name];

    private void ForgetPathMtu()
    {
        bed.Lab.Client.Run("ip -4 route flush cache");
        bed.Lab.Client.Run("ip -6 route flush cache");
    }
}
