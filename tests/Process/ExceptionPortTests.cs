using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>What is not for a VIP goes to the host's kernel by the exception port, and the host's frames go out by the port.</summary>
public sealed class ExceptionPortTests : IDisposable
{
    private const string Tap = "exc0";
    private const ulong ClientMac = 0x3200_0000_0002;
    private readonly Bed _bed = new();

    public ExceptionPortTests()
    {
        // The port is a kernel interface itself here: keep the kernel from answering there, too.
        _bed.InNetns("sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.dp.rp_filter=1");
        _bed.Config = _bed.Config with { Ports = [_bed.Config.Ports[0] with { Exception = Tap }] };
        _bed.StartAndWait();
        _bed.Publish(Lan.Content());
        _bed.Wire.Drain();
    }

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void TheTapIsUpWithThePortsMacAddressAndMtu()
    {
        string link = _bed.InNetns($"ip link show {Tap}");
        Assert.Contains("02:00:00:00:00:01", link, StringComparison.Ordinal);
        Assert.Contains("mtu 1500", link, StringComparison.Ordinal);
        Assert.Contains(",UP", link, StringComparison.Ordinal);
        Assert.Equal(Tap, TextBytes.Read(_bed.Region.Port(0).Exception));
    }

    public static TheoryData<string> ForTheHost() => ["tcp", "udp", "multicast", "broadcast", "tagged", "LLDP", "ARP reply", "ARP for another", "IPv6 multicast", "VRRP", "unknown service"];

    [Theory]
    [MemberData(nameof(ForTheHost))]
    public void FramesReachTheHostAsTheyAreOnTheWire(string what)
    {
        byte[] frame = Make(what);
        using PacketSocket tap = new(_bed.Netns, Tap);
        _bed.Wire.Send(frame);
        if (what == "unknown service")
        {
            Wait.Until(() => _bed.Drops(DropReason.NoService) == 1, "a port of the VIP without service is counted, not given to the host");
            Assert.Null(tap.TryReceive(f => f.Length == frame.Length, timeoutMs: 100));
        }
        else
        {
            byte[] received = tap.Receive(f => f.Length >= frame.Length && f.AsSpan(0, 18).SequenceEqual(frame.AsSpan(0, 18)), what);
            Assert.Equal(frame, received[..frame.Length]);
            Wait.Until(() => _bed.Region.Process.SlowPath.ToHost == 1, "it is counted");
        }
    }

    [Theory]
    [MemberData(nameof(ForTheHost))]
    public void FramesOfTheHostGoOutAsTheyAre(string what)
    {
        byte[] frame = Make(what);
        using PacketSocket tap = new(_bed.Netns, Tap);
        tap.Send(frame);
        Assert.Equal(frame, _bed.Wire.Receive(f => f.AsSpan().SequenceEqual(frame), what));
    }

    /// <summary>The host's own stack at the director's own address: ARP asked and answered through the dataplane, echo both ways.</summary>
    [Fact]
    public void TheHostSpeaksThroughTheDataplane()
    {
        _bed.InNetns($"ip addr add {Lan.Own}/24 dev {Tap}");
        for (byte payloadBytes = 20; payloadBytes < 25; payloadBytes++)
        {
            _bed.Wire.Send(Messages.Echo4(Lan.Client, Lan.Own, payloadBytes: payloadBytes));
            byte[] expected = Messages.Echo4(Lan.Own, Lan.Client, type: 0, payloadBytes: payloadBytes);
            byte[] reply = _bed.Wire.Receive(
                f => f.Length >= 42 && Lan.EtherType(f) == 0x0800 && f[23] == Wire.Icmp && f[34] == 0,
                "the host's echo reply",
                f => AnswerAsClient(f));
            Assert.Equal(Lan.MacOf(Lan.Client), Lan.Destination(reply));
            Assert.Equal(expected[34..], reply[34..expected.Length]);
        }

        Assert.Equal(0ul, _bed.Region.Process.SlowPath.EchoAnswered);
        Assert.Null(_bed.Wire.TryReceive(f => Lan.EtherType(f) == 0x0800 && f[23] == Wire.Icmp, timeoutMs: 100)); // no second answer
    }

    [Fact]
    public void WithoutAnExceptionPortTheFramesAreCounted()
    {
        using Bed bed = new();
        bed.StartAndWait();
        bed.Publish(Lan.Content());
        bed.Wire.Send(Make("tcp"));
        bed.Wire.Send(Make("VRRP"));
        Wait.Until(() => bed.Drops(DropReason.NoExceptionPort) == 2, "frames without a way to the host are counted");
        bed.Wire.Send(Make("tagged"));
        Wait.Until(() => bed.Drops(DropReason.UnknownVlan) == 1, "frames of an unknown VLAN are counted");
    }

    private static byte[] Make(string what)
    {
        ulong mac = Bed.DataplaneMac;
        switch (what)
        {
            case "tcp": return Frames.L4(Lan.Client, 1000, Lan.Own, 22, destinationMac: mac, sourceMac: ClientMac);
            case "unknown service": return Frames.L4(Lan.Client, 1000, Lan.Vip, 22, destinationMac: mac, sourceMac: ClientMac);
            case "multicast": return Frames.L4(Lan.Client, 5353, "224.0.0.251", 5353, Wire.Udp, destinationMac: 0xFB00_005E_0001, sourceMac: ClientMac);
            case "broadcast": return Frames.L4(Lan.Client, 68, "255.255.255.255", 67, Wire.Udp, destinationMac: 0xFFFF_FFFF_FFFF, sourceMac: ClientMac);
            case "tagged": return Frames.L4(Lan.Client, 1000, Lan.Own, 22, vlan: 7, destinationMac: mac, sourceMac: ClientMac);
            case "IPv6 multicast": return Frames.L4("fe80::50", 546, "ff02::1:2", 547, Wire.Udp, destinationMac: 0x0200_0100_3333, sourceMac: ClientMac);
            case "ARP reply": return Messages.Arp(2, Lan.Client, Lan.Own, ClientMac);
            case "ARP for another": return Messages.Arp(1, Lan.Client, "10.0.0.77", ClientMac);
            case "VRRP":
                byte[] vrrp = Frames.L4(Lan.Client, 1000, "224.0.0.18", 22, Wire.Udp, destinationMac: 0x1200_005E_0001, sourceMac: ClientMac);
                vrrp[23] = 112;
                return vrrp;
            case "LLDP":
                byte[] lldp = Frames.L4(Lan.Client, 1000, Lan.Own, 22, destinationMac: 0x0E00_00C2_8001, sourceMac: ClientMac);
                (lldp[12], lldp[13]) = (0x88, 0xCC);
                return lldp;
            default:
                return Frames.L4(Lan.Client, 1000, Lan.Own, 22, Wire.Udp, destinationMac: mac, sourceMac: ClientMac);
        }
    }

    private void AnswerAsClient(byte[] frame)
    {
        if (frame.Length >= 42 && Lan.EtherType(frame) == 0x0806 && frame[21] == 1)
        {
            _bed.Wire.Send(Messages.Arp(2, Lan.Client, Lan.Own, Lan.MacOf(Lan.Client)));
        }
    }
}
