using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>What a director on a real card must do, on an emulated Intel 82574L with its own poll-mode driver.</summary>
public abstract class NicTests(NicFixture fixture, ITestOutputHelper output)
{
    private const int Requests = 300;
    private const string ClientMac = "02:00:00:00:00:01";
    protected const int FramesSent = 20;
    private const int StatusDigits = 3;
    private const double ShareTolerance = 0.03;

    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(1), s_now = TimeSpan.FromMilliseconds(50);

    /// <summary>Lines for the test's log.</summary>
    protected ITestOutputHelper Output => output;

    private readonly S1Lab _lab = fixture.Lab;
    private readonly GuestDirector _director = fixture.Director;

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
        Assert.Equal(S1Lab.DirectorMac, port.Mac);
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
        Assert.Contains($"TCP {S1Lab.Vip}:80 wlc", lines);
        Assert.Contains(lines, l => l.StartsWith($"-> {_lab.RealServers[0].Address}:80 Route 2 ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith($"-> {_lab.RealServers[1].Address}:80 Route 1 ", StringComparison.Ordinal));
    }

    /// <summary>Each request is a connection of its own; the servers' shares follow their weights.</summary>
    [Theory]
    [InlineData(S1Lab.Vip)]
    [InlineData(S1Lab.VipV6)]
    public void RequestsAreSharedByWeight(string vip)
    {
        IReadOnlyList<string> answers = Get(vip, Requests);
        int first = answers.Count(a => a == "200 rs7"), second = answers.Count(a => a == "200 rs8");
        output.WriteLine($"{vip}: rs7 {first}, rs8 {second}, other {answers.Count - first - second}");
        Assert.Equal(Requests, first + second);
        Assert.InRange((double)first / Requests, (2.0 / 3) - ShareTolerance, (2.0 / 3) + ShareTolerance);
    }

    /// <summary>ARP and neighbour discovery for the VIPs are answered by the director, with the NIC's address, and so is echo.</summary>
    [Theory]
    [InlineData(S1Lab.Vip)]
    [InlineData(S1Lab.VipV6)]
    public void VipsAnswerFromTheCardsMac(string vip)
    {
        _lab.Client.Ip("neigh flush dev e0");
        _ = _lab.Client.Run($"ping -c 3 -i 0.2 -W 2 {vip}");
        Assert.Contains($"lladdr {S1Lab.DirectorMac}", _lab.Client.Ip($"neigh show {vip} dev e0"), StringComparison.Ordinal);
    }

    /// <summary>The same for the director's own addresses; echo is the host's business there, by the exception port.</summary>
    [Theory]
    [InlineData("172.16.58.2")]
    [InlineData("fd16::2")]
    public void OwnAddressesAreAtTheCardsMac(string address)
    {
        _lab.Client.Ip("neigh flush dev e0");
        _ = _lab.Client.Try($"ping -c 1 -W 1 {address}");
        Assert.Contains($"lladdr {S1Lab.DirectorMac}", _lab.Client.Ip($"neigh show {address} dev e0"), StringComparison.Ordinal);
    }

    /// <summary>Of a forwarded frame only the MAC addresses are new: the card repairs no checksum and the rest is the client's.</summary>
    [Fact]
    public void BytesFromTheEtherTypeOnStay()
    {
        using RawFrames client = new(_lab.Client, "e0"), first = new(_lab.RealServers[0].Netns, "e0"), second = new(_lab.RealServers[1].Netns, "e0");
        byte[] sent = Frames.Segment(S1Lab.DirectorMac, ClientMac, S1Lab.ClientAddress, S1Lab.Vip, sourcePort: 40_001);
        client.Send(sent);
        byte[][] received = [.. first.Receive(s_settle).Concat(second.Receive(s_now)).Where(f => f.AsSpan(14).SequenceEqual(sent.AsSpan(14)))];
        byte[] frame = Assert.Single(received);
        Assert.Equal(S1Lab.DirectorMac, MacText(frame.AsSpan(6, 6)));
        Assert.Equal(sent[12..], frame[12..]);

        // A connection that stays half open counts for its server with wlc, and other tests measure shares.
        byte[] reset = Frames.Segment(S1Lab.DirectorMac, ClientMac, S1Lab.ClientAddress, S1Lab.Vip, sourcePort: 40_001, Frames.Reset);
        client.Send(reset);
        Assert.Single(first.Receive(s_settle).Concat(second.Receive(s_now)), f => f.AsSpan(12).SequenceEqual(reset.AsSpan(12)));
    }

    /// <summary>A broken IPv4 header is the card's find: the packet goes nowhere and has a counter.</summary>
    [Fact]
    public void BadHeaderChecksumIsFoundByTheCard()
    {
        using RawFrames client = new(_lab.Client, "e0");
        ulong before = _director.Counters().Drops["ipv4ChecksumBad"];
        for (int i = 0; i < FramesSent; i++)
        {
            client.Send(Frames.Segment(S1Lab.DirectorMac, ClientMac, S1Lab.ClientAddress, S1Lab.Vip, sourcePort: 40_002, goodHeaderChecksum: false));
        }

        _ = _lab.Client.Run($"ping -c 1 -W 2 {S1Lab.Vip}");
        Assert.Equal(before + FramesSent, _director.Counters().Drops["ipv4ChecksumBad"]);
    }

    /// <summary>
    /// The switch floods frames for a station that it does not know, and multicast. The card's filters keep them away, while
    /// the solicited-node multicast of the VIP passes (or no neighbour could find it).
    /// </summary>
    [Fact]
    public void FiltersKeepForeignFramesOut()
    {
        CountersView before = _director.Counters();
        SendForeignFrames();
        CountersView after = _director.Counters();
        Assert.Equal(before.Drops["notOurMac"], after.Drops["notOurMac"]);
        // Others' broadcasts come and go; the filter lets a group in or it does not.
        Assert.InRange(after.Drops["noExceptionPort"] - before.Drops["noExceptionPort"], 0UL, (ulong)FramesSent / 2);
        Assert.Contains("port lan: receives multicast: by filter.", _director.DataplaneLog, StringComparison.Ordinal);
        Assert.False(_director.Port().Promiscuous);
    }

    /// <summary>A pulled cable is seen and told; when it is back, so is the service, with nobody's help.</summary>
    [Fact]
    public void PulledCableIsSeenAndForwardingResumes()
    {
        fixture.Machine.Monitor.SetLink(GuestMachine.NetworkName, up: false);
        Wait.Until(() => !_director.Port().LinkUp, "the link is down");
        Assert.Equal("000 ", Assert.Single(Get(S1Lab.Vip, 1, timeoutS: 1)));
        fixture.Machine.Monitor.SetLink(GuestMachine.NetworkName, up: true);
        Wait.Until(() => _director.Port().LinkUp, "the link is up");
        Assert.All(Get(S1Lab.Vip, 30), a => Assert.StartsWith("200 ", a, StringComparison.Ordinal));
        string[] told = [];
        Wait.Until(() => (told = [.. _director.Events("port.link").TakeLast(2).Select(e => e.Message)]).Length == 2, "two events of the link");   // emulated, a stream may take longer to start
        Assert.Equal(["Port lan: link is down, 0 Mbit/s.", "Port lan: link is up, 1000 Mbit/s."], told);
    }

    /// <summary>Frames that are nobody's here, and then an echo that has to wait its turn behind them.</summary>
    protected void SendForeignFrames()
    {
        using RawFrames client = new(_lab.Client, "e0");
        for (int i = 0; i < FramesSent; i++)
        {
            client.Send(Frames.Datagram("02:00:00:99:99:99", ClientMac, S1Lab.ClientAddress, "172.16.99.99"));
            client.Send(Frames.Datagram("01:00:5e:00:00:fb", ClientMac, S1Lab.ClientAddress, "224.0.0.251"));
        }

        _ = _lab.Client.Run($"ping -c 1 -W 2 {S1Lab.Vip}");
    }

    private static string MacText(ReadOnlySpan<byte> mac) => Convert.ToHexStringLower(mac).Chunk(2).Aggregate("", (text, pair) => $"{text}:{new string(pair)}")[1..];

    /// <summary>Requests a page of a VIP by so many connections, one after the other.</summary>
    /// <returns>"STATUS SERVER" for each; "000 " where no answer came.</returns>
    private List<string> Get(string vip, int requests, int timeoutS = 3)
    {
        // curl takes [1-N] as a range to repeat, and an IPv6 address in brackets as one.
        string host = vip.Contains(':', StringComparison.Ordinal) ? $"[{vip}]" : vip;
        string pages = _lab.Client.Try($"curl -s -m {timeoutS} -H Connection:close -w %{{http_code}}\\n http://{host}/?[1-{requests}]").Output;
        var answers = new List<string>();
        string page = "";
        foreach (string line in pages.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            // Each answer is the server's line, then curl's; where there was none, curl's alone.
            bool isStatus = line.Length == StatusDigits && line.All(char.IsAsciiDigit);
            if (isStatus)
            {
                answers.Add($"{line} {page}");
            }

            page = isStatus ? "" : line;
        }

        return answers;
    }
}
