using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>Truncated and malformed frames: a counter each, never a crash.</summary>
public sealed class MalformedTests : IDisposable
{
    private const string Vip6 = "2001:db8::100", Client6 = "2001:db8::50";
    private readonly Bed _bed = new();
    private readonly DataplaneProcess _dataplane;

    public MalformedTests()
    {
        _dataplane = _bed.StartAndWait();
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Lan.Own);
        builder.Service(Lan.Vip, Lan.HttpPort, Wire.Tcp, servers: [(lan, Lan.Servers[0], 1), (lan, Lan.Servers[1], 1)]);
        builder.Service(Lan.Vip, 53, Wire.Udp, servers: [(lan, Lan.Servers[0], 1)]);
        builder.Service(Lan.Vip, 99, Wire.Udp);
        builder.Service(Vip6, Lan.HttpPort, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        _bed.Publish(builder.Content);
        Lan.Resolve(_bed);
    }

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void EachFaultHasItsCounter()
    {
        foreach ((string what, byte[] frame, DropReason reason) in Faults())
        {
            ulong before = _bed.Drops(reason), all = All();
            _bed.Wire.Send(frame);
            Wait.Until(() => All() > all, what, 2_000);
            Assert.True(_bed.Drops(reason) == before + 1, $"{what}: {reason} has not moved; {Moved()}");
            Assert.Equal(all + 1, All());
        }

        StillForwards();
    }

    /// <summary>Random frames and random damage, some tens of thousands: the process lives, and every frame is accounted for.</summary>
    [Fact]
    public void RandomFramesNeverCrashIt()
    {
        const int Frames = 30_000;
        Random random = new(7);
        byte[][] seeds = [.. Faults().Select(f => f.Frame), Lan.Segment(1), Messages.Echo4(Lan.Client, Lan.Vip), Messages.Arp(1, Lan.Client, Lan.Vip, 2),
            Messages.Nd(135, Client6, Vip6, Vip6, 2, 1), Messages.Icmpv6(Client6, Vip6, 2, [128, 0, 0, 0, 0, 0, 0, 0])];
        for (int i = 0; i < Frames; i++)
        {
            byte[] frame = [.. seeds[random.Next(seeds.Length)]];
            for (int damage = random.Next(4); damage > 0; damage--)
            {
                frame[random.Next(damage == 1 ? 0 : 12, frame.Length)] = (byte)random.Next(256);
            }

            int length = random.Next(4) == 0 ? random.Next(14, frame.Length + 1) : frame.Length;
            _bed.Wire.Send(frame.AsSpan(0, length));
            if (i % 64 == 0)
            {
                _bed.Wire.Drain();
                Thread.Sleep(1);
            }
        }

        StillForwards();
        Wait.Until(IsBalanced, "every frame is forwarded, punted, queued or dropped");
        Assert.InRange(_bed.Region.Worker(0).Counters.RxPackets, (ulong)Frames / 2, ulong.MaxValue);
        ulong free = 0;
        Wait.Until(() => (free = _bed.Region.Process.MbufAvailable) + 2_000 > _bed.Region.Process.MbufCount, $"the mbufs come back ({free})");
    }

    private static IEnumerable<(string What, byte[] Frame, DropReason Reason)> Faults()
    {
        ulong mac = Bed.DataplaneMac;
        byte[] Tcp(Action<byte[]> change, int length = 0)
        {
            byte[] frame = Lan.Segment(4000);
            change(frame);
            return length == 0 ? frame : frame[..length];
        }

        byte[] Tcp6(Action<byte[]> change, int length = 0)
        {
            byte[] frame = Frames.L4(Client6, 4000, Vip6, Lan.HttpPort, destinationMac: mac);
            change(frame);
            return length == 0 ? frame : frame[..length];
        }

        static void None(byte[] frame)
        {
        }

        yield return ("Ethernet header only", Tcp(None, 14), DropReason.Truncated);
        // A tag that is cut off and fragments of IPv4 do not come through this port: the kernel takes tags out and reassembles. See PortKindTests.
        yield return ("IPv4 header cut off", Tcp(None, 33), DropReason.Truncated);
        yield return ("IPv6 header cut off", Tcp6(None, 53), DropReason.Truncated);
        yield return ("IPv4 of version 5", Tcp(f => f[14] = 0x55), DropReason.IpVersionBad);
        yield return ("IPv6 of version 4", Tcp6(f => f[14] = 0x40), DropReason.IpVersionBad);
        yield return ("IPv4 header of 16 bytes", Tcp(f => f[14] = 0x44), DropReason.Ipv4HeaderLengthBad);
        yield return ("IPv4 total length beyond the frame", Tcp(f => f[16] = 1), DropReason.IpLengthBad);
        yield return ("IPv4 total length below the header", Tcp(f => f[17] = 19), DropReason.IpLengthBad);
        yield return ("IPv6 payload beyond the frame", Tcp6(f => f[18] = 1), DropReason.IpLengthBad);
        yield return ("IPv6 fragment", Tcp6(f => (f[20], f[54], f[56]) = (44, 6, 16)), DropReason.FragmentUnknown);
        yield return ("IPv6 extension beyond the packet", Tcp6(f => (f[20], f[55]) = (0, 200)), DropReason.Ipv6ExtensionBad);
        yield return ("TCP header of 16 bytes", Tcp(f => f[46] = 0x40), DropReason.L4HeaderBad);
        yield return ("TCP header beyond the packet", Tcp(f => f[46] = 0xF0), DropReason.L4HeaderBad);
        yield return ("TCP header cut off", Tcp(f => f[17] = 30), DropReason.L4HeaderBad);
        yield return ("TCP over IPv6 cut off", Tcp6(f => f[19] = 19), DropReason.L4HeaderBad);
        byte[] udp = Frames.L4(Lan.Client, 1000, Lan.Vip, 53, Wire.Udp, destinationMac: mac);
        udp[39] = 7;
        yield return ("UDP length below its header", udp, DropReason.L4HeaderBad);
        udp = [.. udp];
        udp[38] = 1;
        yield return ("UDP length beyond the packet", udp, DropReason.L4HeaderBad);
        yield return ("no service at this port", Frames.L4(Lan.Client, 1000, Lan.Vip, 81, destinationMac: mac), DropReason.NoService);
        yield return ("service without server", Frames.L4(Lan.Client, 1000, Lan.Vip, 99, Wire.Udp, destinationMac: mac), DropReason.NoServer);
        yield return ("UDP-Lite for a VIP", Tcp(f => f[23] = 136), DropReason.ProtocolUnsupported);
        yield return ("for another MAC address", Tcp(f => f[5] = 0x77), DropReason.NotOurMac);
        yield return ("echo request in a broadcast", Messages.Echo4(Lan.Client, Lan.Vip, destinationMac: 0xFFFF_FFFF_FFFF), DropReason.NotOurMac);
        byte[] echo = Messages.Echo4(Lan.Client, Lan.Vip);
        echo[50] ^= 0xFF;
        yield return ("echo request with a wrong checksum", echo, DropReason.IcmpBad);
        yield return ("ICMP timestamp request", Messages.Echo4(Lan.Client, Lan.Vip, type: 13), DropReason.IcmpUnsupported);
        yield return ("ARP cut off", Messages.Arp(1, Lan.Client, Lan.Vip, Lan.MacOf(Lan.Client))[..40], DropReason.NeighbourMessageBad);
        yield return ("ARP reply of a group address", Messages.Arp(2, Lan.Servers[0], Lan.Own, 0x0100_0000_0003), DropReason.NeighbourMessageBad);
        yield return ("solicitation from afar", Messages.Nd(135, Client6, "ff02::1:ff00:100", Vip6, 2, 1, hopLimit: 64), DropReason.NeighbourMessageBad);
        yield return ("not for a VIP, no exception port", Frames.L4(Lan.Client, 1000, Lan.Own, 22, destinationMac: mac), DropReason.NoExceptionPort);
        yield return ("VLAN without interface", Messages.Arp(1, Lan.Client, Lan.Vip, Lan.MacOf(Lan.Client), vlan: 9), DropReason.UnknownVlan);
    }

    private void StillForwards()
    {
        Wait.Until(() => _bed.Wire.TryReceive(f => false, f => Lan.AnswerArp(_bed.Wire, f), 50) == null, "the wire is quiet");
        Assert.False(_dataplane.HasExited, _dataplane.Errors);
        Lan.Forward(_bed, 60_000);
    }

    private bool IsBalanced()
    {
        WorkerCounters counters = _bed.Region.Worker(0).Counters;
        ulong drops = 0;
        for (int reason = 0; reason < DropCounters.Count; reason++)
        {
            drops += reason is (int)DropReason.TxFull ? 0 : _bed.Region.Worker(0).Drops[reason];
        }

        return counters.RxPackets == counters.ForwardedPackets + counters.PuntedPackets + counters.QueuedPackets + drops;
    }

    private ulong All() => Enum.GetValues<DropReason>().Aggregate(0ul, (sum, reason) => sum + _bed.Drops(reason));

    private string Moved() => string.Join(", ", Enum.GetValues<DropReason>().Where(r => _bed.Drops(r) != 0).Select(r => $"{r} {_bed.Drops(r)}"));
}
