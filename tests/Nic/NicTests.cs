using Forwarder.Api;
using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>What a director on a real card must do, on an emulated Intel 82574L with its own poll-mode driver.</summary>
public abstract class NicTests(NicFixture fixture, ITestOutputHelper output)
{
    private const int Requests = 300;
    private const double ShareTolerance = 0.03;

    private readonly Bed _bed = fixture.Bed;
    private readonly Director _director = fixture.Director;

    /// <summary>The card's own driver works it, filters do the choosing, and the checksum of IPv4 headers is the card's work.</summary>
    [Fact]
    public void PortIsTheCardsOwn()
    {
        PortView port = _director.Port();
        output.WriteLine($"guest ready after {fixture.ReadyS:F1} s, services defined after {fixture.ForwardingS:F1} s; {fixture.PciAddress} {fixture.PciId} {fixture.KernelDriver}, IOMMU group {fixture.IommuGroup}");
        output.WriteLine(_director.Logs);
        Assert.Equal("0x8086:0x10d3", fixture.PciId);
        Assert.Equal(fixture.Binding.KernelDriver, fixture.KernelDriver);
        Assert.Equal(fixture.Binding == NicBinding.Vfio, fixture.IommuGroup != "none");
        Assert.Equal("net_e1000_em", port.Driver);
        Assert.Equal(fixture.PciAddress, port.Device);
        Assert.Equal(NicFixture.Mac, port.Mac);
        Assert.True(port.LinkUp);
        Assert.Equal(1000, port.SpeedMbps);
        Assert.False(port.Promiscuous);
        Assert.Contains("ipv4Checksum", port.RxOffloads);
        Assert.Empty(port.TxOffloads);
        Assert.True(_director.Status().Dataplane.Hugepages);
    }

    /// <summary>ipvsadm's lines as they stand, listed in its words.</summary>
    [Fact]
    public void ServicesAreListed()
    {
        string[] lines = [.. _director.Ipvsadm("-L -n").Split('\n').Select(l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Contains($"TCP {Bed.Vip}:80 wlc", lines);
        Assert.Contains(lines, l => l.StartsWith($"-> {Bed.Rips[0]}:80 Route 2 ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith($"-> {Bed.Rips[1]}:80 Route 1 ", StringComparison.Ordinal));
    }

    /// <summary>Each request is a connection of its own; the servers' shares follow their weights.</summary>
    [Theory]
    [InlineData(Bed.Vip)]
    [InlineData(Bed.Vip6)]
    public void RequestsAreSharedByWeight(string vip)
    {
        IReadOnlyList<string> answers = _bed.Get(vip, Requests);
        int first = answers.Count(a => a == "200 rs1"), second = answers.Count(a => a == "200 rs2");
        output.WriteLine($"{vip}: rs1 {first}, rs2 {second}, other {answers.Count - first - second}");
        Assert.Equal(Requests, first + second);
        Assert.InRange((double)first / Requests, (2.0 / 3) - ShareTolerance, (2.0 / 3) + ShareTolerance);
    }

    /// <summary>ARP and neighbour discovery for the VIPs are answered by the director, with the NIC's address, and so is echo.</summary>
    [Theory]
    [InlineData(Bed.Vip)]
    [InlineData(Bed.Vip6)]
    public void VipsAnswerFromTheCardsMac(string vip)
    {
        _bed.ForgetNeighbours();
        Assert.Equal(0, _bed.RunInClient("ping", "-c", "3", "-i", "0.2", "-W", "2", vip).Status);
        Assert.Contains($"lladdr {NicFixture.Mac}", _bed.Neighbour(vip), StringComparison.Ordinal);
    }

    /// <summary>The same for the director's own addresses; echo is the host's business there, by the exception port.</summary>
    [Theory]
    [InlineData(Bed.Dip)]
    [InlineData(Bed.Dip6)]
    public void OwnAddressesAreAtTheCardsMac(string address)
    {
        _bed.ForgetNeighbours();
        _ = _bed.RunInClient("ping", "-c", "1", "-W", "1", address);
        Assert.Contains($"lladdr {NicFixture.Mac}", _bed.Neighbour(address), StringComparison.Ordinal);
    }
}
