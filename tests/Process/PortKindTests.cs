using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>Each kind of DPDK virtual device is taken by its name from the configuration.</summary>
public sealed class PortKindTests : IDisposable
{
    private readonly Bed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData("net_null0", "net_null")]
    [InlineData("net_null1,size=128,copy=1", "net_null")]
    [InlineData("net_ring0", "net_ring")]
    [InlineData("net_tap0,iface=fwdtap0,mac=02:00:00:00:00:05", "net_tap")]
    [InlineData("net_memif0,role=server,socket=@SOCKET,socket-abstract=yes,rsize=10", "net_memif")]
    [InlineData("net_af_packet7,iface=dp,qpairs=1", "net_af_packet")]
    [InlineData("net_pcap0,iface=dp", "net_pcap")]
    [InlineData("net_af_xdp0,iface=dp,busy_budget=0", "net_af_xdp")]
    public void StartsAndStopsOn(string device, string driver)
    {
        UsePort(device.Replace("@SOCKET", $"@{_bed.Netns}", StringComparison.Ordinal));
        DataplaneProcess dataplane = _bed.StartAndWait();
        ref PortBlock port = ref _bed.Region.Port(0);
        Assert.Equal((driver, device.Split(',')[0], 1u), (TextBytes.Read(port.Driver), TextBytes.Read(port.Device), port.Started));
        _bed.Publish(Lan.Content());
        Assert.Equal(0, dataplane.Terminate());
        Assert.Equal(ProcessState.Stopped, _bed.State);
    }

    [Fact]
    public void SeveralKindsAtOnceKeepTheirOrder()
    {
        _bed.Config = _bed.Config with
        {
            Ports = [Port("a", "net_null0"), Port("b", "net_ring0"), Port("c", "net_af_packet0,iface=dp"), Port("d", "net_null1")],
        };
        _bed.StartAndWait();
        Assert.Equal(["net_null", "net_ring", "net_af_packet", "net_null"], Enumerable.Range(0, 4).Select(p => TextBytes.Read(_bed.Region.Port(p).Driver)));
        Assert.Equal(["a", "b", "c", "d"], Enumerable.Range(0, 4).Select(p => TextBytes.Read(_bed.Region.Port(p).Name)));
    }

    [Theory]
    [InlineData("net_af_xdp0,iface=dp,busy_budget=0")]
    [InlineData("net_pcap0,iface=dp,phy_mac=1")]
    public void ForwardsOver(string device)
    {
        UsePort(device);
        _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        Lan.Resolve(_bed);
        for (int port = 1000; port < 1100; port++)
        {
            byte[] sent = Lan.Segment(port), received = Lan.Forward(_bed, port);
            Assert.Equal(sent[12..], received[12..]);
        }
    }

    /// <summary>Two dataplanes, one memif: what the first sends to its server arrives at the second.</summary>
    [Fact]
    public void MemifCarriesFramesBetweenTwoProcesses()
    {
        using Bed other = new();
        string socket = $"socket={_bed.Folder}/memif,socket-abstract=no"; // abstract names end at the network namespace
        _bed.Config = _bed.Config with { Ports = [_bed.Config.Ports[0], Port("link", $"net_memif0,role=server,{socket}")] };
        other.Config = other.Config with { Ports = [Port("link", $"net_memif0,role=client,{socket},mac=02:00:00:00:00:77")] };
        _bed.StartAndWait();
        DataplaneProcess second = other.Start();
        Wait.Until(() => second.HasExited || other.State == ProcessState.Running, "the second dataplane runs");
        Assert.False(second.HasExited, second.Errors);
        Wait.Until(() => _bed.Region.Port(1).LinkUp == 1, "the link is up");

        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Lan.Own), link = builder.Interface(1, 0, "10.7.0.1");
        builder.Service(Lan.Vip, Lan.HttpPort, Wire.Tcp, servers: [(link, "10.7.0.2", 1)]);
        _bed.Publish(builder.Content);
        builder = new();
        builder.Interface(0, 0, "10.7.0.2");
        other.Publish(builder.Content); // answers ARP for 10.7.0.2 and drops the rest: it has no exception port
        for (int port = 1000; port < 1005; port++)
        {
            _bed.Wire.Send(Lan.Segment(port));
        }

        Wait.Until(() => other.Drops(DropReason.NoExceptionPort) >= 5, "the segments arrive at the second dataplane");
        Assert.Equal(1ul, other.Region.Process.SlowPath.ArpAnswered);
    }

    /// <summary>The driver would not start over a socket file that a killed process has left.</summary>
    [Fact]
    public void AMemifServerStartsAgainAfterKill()
    {
        UsePort($"net_memif0,role=server,socket={_bed.Folder}/memif,socket-abstract=no");
        _bed.StartAndWait().Kill();
        Assert.True(File.Exists($"{_bed.Folder}/memif"));
        _bed.StartAndWait();
    }

    /// <summary>From a file to a file: also what a kernel interface would never let through.</summary>
    [Fact]
    public void ForwardsFromACaptureToACapture()
    {
        const ulong PcapMac = 0x0070_6163_7002; // the driver's own
        string folder = Directory.CreateTempSubdirectory("forwarder-pcap-").FullName, input = Path.Combine(folder, "in.pcap"), result = Path.Combine(folder, "out.pcap");
        try
        {
            byte[] segment = Frames.L4(Lan.Client, 1000, Lan.Vip, Lan.HttpPort, tcpFlags: Wire.Syn, destinationMac: PcapMac, sourceMac: 2);
            byte[] cutTag = [.. segment[..12], 0x81, 0, 0, 100];
            byte[] first = [.. segment], later = [.. segment], runt = segment[..10];
            first[20] = 0x20;
            later[21] = 1;
            PcapFile.Write(input, [segment, cutTag, first, later, runt]);
            Assert.True(_bed.Publisher.TryPublish(Lan.Content(1, 0), out _)); // before the start: the file is read at once
            _bed.Region.Neighbours[1] = NeighbourWord.Pack(Lan.MacOf(Lan.Servers[0]), NeighbourState.Reachable, 0);
            UsePort($"net_pcap0,rx_pcap={input},tx_pcap={result}");
            DataplaneProcess dataplane = _bed.StartAndWait();
            Wait.Until(() => _bed.Region.Worker(0).Counters.RxPackets == 5, "the file is read");
            Assert.Equal(0, dataplane.Terminate());

            Assert.Equal((2ul, 1ul, 1ul), (_bed.Drops(DropReason.Truncated), _bed.Drops(DropReason.FragmentBad), _bed.Drops(DropReason.FragmentTiny)));
            byte[] forwarded = Assert.Single(PcapFile.Read(result), f => Lan.EtherType(f) == 0x0800);
            Assert.Equal(segment[12..], forwarded[12..]);
            Assert.Equal((Lan.MacOf(Lan.Servers[0]), PcapMac), (Lan.Destination(forwarded), Lan.Source(forwarded)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static PortConfig Port(string name, string device) => new() { Name = name, Device = device, RxDescriptors = 256, TxDescriptors = 256 };

    private void UsePort(string device) => _bed.Config = _bed.Config with { Ports = [Port("lan", device)] };
}
