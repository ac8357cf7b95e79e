using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Each method with real programs, TCP and UDP: curl gets and puts 100 MB, iperf3 both ways, dig asks a name server, ping the VIP.</summary>
public sealed class ProgramTests(ProgramLab bed) : IClassFixture<ProgramLab>
{
    private readonly RealServerHost _server = bed.Programs.Server;

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
        foreach ((string protocol, int port) in Programs.Services)
        {
            bed.Lab.Director.MustIpvsadm($"-A {protocol} {shown}:{port} -s wlc");
            bed.Lab.Director.MustIpvsadm($"-a {protocol} {shown}:{port} -r {real}:{port} {method}");
        }

        using Decapsulator? end = method == "-i" ? new Decapsulator(_server.Netns) : null;
        using IDisposable? routed = method == "-m" ? bed.Programs.RoutedByDirector() : null;
        Assert.Equal("", bed.Programs.Curl(vip));
        Assert.Equal("", bed.Programs.Iperf3(vip, method is "-g" or "-i" ? vip : serverV6 ? _server.AddressV6 : _server.Address));
        Assert.Equal("", bed.Programs.Dig(vip));
        Assert.Equal("", bed.Programs.Ping(vip));
    }
}
