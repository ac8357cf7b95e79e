using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>A dataplane over net_af_packet forwards what the test publishes.</summary>
public sealed class ForwardingTests
{
    [Fact]
    public void StartsWithoutASnapshotAndSaysWhatItSees()
    {
        using Bed bed = new();
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Wire.Send(Lan.Segment(1000));
        Wait.Until(() => bed.Drops(DropReason.NoSnapshot) == 1, "a frame is counted as lost for want of a snapshot");

        ref PortBlock port = ref bed.Region.Port(0);
        Assert.Equal("lan", TextBytes.Read(port.Name));
        Assert.Equal("net_af_packet0", TextBytes.Read(port.Device));
        Assert.Equal("net_af_packet", TextBytes.Read(port.Driver));
        Assert.Equal(Bed.DataplaneMac, port.Mac);
        Assert.Equal((1u, 1u, 1500u), (port.Started, port.LinkUp, port.MtuBytes));
        Wait.Until(() => bed.Region.Port(0).RxPackets == 1, "the port's statistics follow");
        Assert.Equal(1u, bed.Region.Process.PortCount);
        Assert.Equal(1u, bed.Region.Worker(0).Running);
        Assert.StartsWith("DPDK", TextBytes.Read(bed.Region.Process.DpdkVersion), StringComparison.Ordinal);
    }

    [Fact]
    public void ForwardsByDirectRoutingAndChangesOnlyTheMacAddresses()
    {
        using Bed bed = new();
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Publish(Lan.Content());
        byte[] sent = Lan.Segment(1000), received = Lan.Forward(bed, 1000); // waits in the dataplane for ARP
        Assert.Contains(Lan.Destination(received), Lan.Servers.Select(Lan.MacOf));
        Assert.Equal(Bed.DataplaneMac, Lan.Source(received));
        Assert.Equal(sent[12..], received[12..]);

        Lan.Resolve(bed);
        ulong server = Lan.Destination(received);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(server, Lan.Destination(Lan.Forward(bed, 1000, Wire.Ack)));
        }

        WorkerCounters counters = bed.Region.Worker(0).Counters;
        Assert.Equal(1ul, counters.FlowsCreated);
        Assert.Equal(100ul, counters.FlowHits);
        Assert.Equal(counters.RxPackets, counters.ForwardedPackets + counters.PuntedPackets + counters.QueuedPackets + SumOfDrops(bed));
    }

    [Fact]
    public void AnswersArpAndEchoForTheVip()
    {
        using Bed bed = new();
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Publish(Lan.Content());
        bed.Wire.Drain();
        bed.Wire.Send(Lan.Arp(1, Lan.Client, Lan.Vip, Lan.MacOf(Lan.Client), 0xFFFF_FFFF_FFFF));
        byte[] reply = bed.Wire.Receive(f => Lan.EtherType(f) == 0x0806 && f[21] == 2, "ARP reply for the VIP");
        Assert.Equal(Lan.Arp(2, Lan.Vip, Lan.Client, Bed.DataplaneMac, Lan.MacOf(Lan.Client))[..42], reply[..42]);
        Assert.Equal(1ul, bed.Region.Process.SlowPath.ArpAnswered);
    }

    /// <summary>Drivers on a kernel interface report "up" for ever: the kernel is asked.</summary>
    [Fact]
    public void TheLinkFollowsTheKernelInterfaceAndTrafficComesBack()
    {
        using Bed bed = new();
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Publish(Lan.Content());
        Lan.Forward(bed, 1000);
        bed.InNetns("ip link set dp down");
        Wait.Until(() => bed.Region.Port(0).LinkUp == 0, "the link is down");
        Wait.Until(() => dataplane.Errors.Contains("port lan: link is down", StringComparison.Ordinal), "the log says so");
        bed.InNetns("ip link set dp up");
        Wait.Until(() => bed.Region.Port(0).LinkUp == 1, "the link is up");
        Lan.Forward(bed, 1000, Wire.Ack);
    }

    /// <summary>Two workers, two queues of the port (spread by the kernel): a flow stays with one worker and one server.</summary>
    [Fact]
    public void WorkersShareAPort()
    {
        using Bed bed = new(workers: 2);
        bed.Config = bed.Config with { Ports = [bed.Config.Ports[0] with { Device = "net_af_packet0,iface=dp,qpairs=2" }] };
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Publish(Lan.Content());
        ulong[] servers = [.. Enumerable.Range(2000, 100).Select(port => Lan.Destination(Lan.Forward(bed, port)))];
        Assert.Equal(servers, Enumerable.Range(2000, 100).Select(port => Lan.Destination(Lan.Forward(bed, port, Wire.Ack))));
        Assert.All((int[])[0, 1], worker => Assert.InRange(bed.Region.Worker(worker).Counters.FlowsCreated, 10ul, 90ul));
        Assert.Equal(100, FlowQuery.All(bed.Region).Count);
    }

    [Fact]
    public void ListsItsFlows()
    {
        using Bed bed = new();
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Publish(Lan.Content());
        for (int port = 2000; port < 2010; port++)
        {
            Lan.Forward(bed, port);
        }

        List<FlowRecord> flows = FlowQuery.All(bed.Region);
        Assert.Equal(Enumerable.Range(2000, 10), flows.Select(f => (int)System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(f.ClientPort)).Order());
        Assert.All(flows, f => Assert.Equal((FlowState.SynReceived, (byte)4, (ushort)1, ContentBuilder.Words(Lan.Client).High), (f.State, f.IpVersion, f.Service, f.ClientHigh)));
        Assert.All(flows, f => Assert.InRange(f.RemainingMs, 50_000u, 60_500u));
        Assert.Equal(10ul, bed.Region.ServerCounters(0).ToArray().Aggregate(0ul, (sum, s) => sum + s.ActiveConnections));
    }

    /// <summary>Control marks flows of an answer; each of two workers removes its own, and the others go on.</summary>
    [Fact]
    public void RemovesTheFlowsThatAreMarked()
    {
        using Bed bed = new(workers: 2);
        bed.Config = bed.Config with { Ports = [bed.Config.Ports[0] with { Device = "net_af_packet0,iface=dp,qpairs=2" }] };
        using DataplaneProcess dataplane = bed.StartAndWait();
        bed.Publish(Lan.Content());
        for (int port = 2000; port < 2040; port++)
        {
            Lan.Forward(bed, port);
        }

        List<FlowRecord> flows = FlowQuery.All(bed.Region);
        Assert.Equal([0, 1], flows.Select(f => (int)f.Worker).Distinct().Order());
        for (int i = 0; i < flows.Count; i += 2)
        {
            bed.Region.FlowQuery.Entries[i].Removal = FlowRemoval.AnyState;
        }

        ulong sequence = bed.Region.FlowQuery.RemovalSequence + 1;
        Volatile.Write(ref bed.Region.FlowQuery.RemovalSequence, sequence);
        Wait.Until(() => Enumerable.Range(0, 2).All(w => Volatile.Read(ref bed.Region.Worker(w).RemovalsDone) == sequence), "both workers are done");
        Assert.Equal(20ul, bed.Region.Worker(0).Counters.FlowsRemoved + bed.Region.Worker(1).Counters.FlowsRemoved);
        Assert.Equal(flows.Where((_, i) => i % 2 == 1).Select(f => f.ClientPort).Order(), FlowQuery.All(bed.Region).Select(f => f.ClientPort).Order());
    }

    private static ulong SumOfDrops(Bed bed)
    {
        ulong sum = 0;
        for (int i = 0; i < DropCounters.Count; i++)
        {
            sum += bed.Region.Worker(0).Drops[i];
        }

        return sum;
    }
}
