using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

public sealed class NeighbourTests : IDisposable
{
    private const string Own = "10.0.0.2", Server = "10.0.0.11", Other = "10.0.0.12";
    private const ulong ServerMac = 0x0B00_0000_0002, OtherMac = 0x0C00_0000_0002;
    private readonly SlowPathRig _rig = new(Content(Server));

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void AsksByBroadcastThenSendsWhatHasWaitedInOrder()
    {
        _rig.Wait(Segment(1), 1);
        _rig.Wait(Segment(2), 1);
        _rig.Pass(10);
        Assert.Equal(NeighbourState.Incomplete, _rig.StateOf(1));
        byte[] question = Assert.Single(_rig.Sent, f => IsArpRequest(f.Frame, Server)).Frame;
        Assert.Equal(0xFFFF_FFFF_FFFFul, Destination(question));
        Assert.Equal(Messages.Arp(1, Own, Server, ContentBuilder.Mac(SlowPathRig.MacText)), question);

        _rig.Sent.Clear();
        _rig.Punt(Messages.Arp(2, Server, Own, ServerMac));
        Assert.Equal([1, 2], _rig.Sent.Select(f => f.Frame[35]));
        Assert.All(_rig.Sent, f => Assert.Equal(ServerMac, Destination(f.Frame)));
        Assert.Equal((2ul, 2ul), (_rig.Counters.QueuedForNeighbour, _rig.Counters.SentFromQueue));
        Assert.Equal(0, _rig.Held);
    }

    [Fact]
    public void ANeighbourThatIsSilentCostsItsPacketsAndACounter()
    {
        for (int i = 0; i <= NeighbourTable.WaitingPerNeighbourMax; i++)
        {
            _rig.Wait(Segment(i), 1);
        }

        Assert.Equal([DropReason.NeighbourQueueFull], _rig.Drops);
        _rig.Pass(NeighbourTable.WaitingMs + 10);
        Assert.Equal(NeighbourTable.WaitingPerNeighbourMax, _rig.Drops.Count(d => d == DropReason.NeighbourTimeout));
        Assert.Equal(0, _rig.Held);
        _rig.Pass(1_000);
        Assert.Equal(NeighbourState.Failed, _rig.StateOf(1));
    }

    /// <summary>RFC 4861 section 7.3: probes by unicast before the address is given up, and it stays in use meanwhile.</summary>
    [Fact]
    public void AKnownNeighbourIsProbedWhileItStaysInUse()
    {
        _rig.Punt(Messages.Arp(2, Server, Own, ServerMac));
        _rig.Sent.Clear();
        _rig.Pass(NeighbourTable.ReachableTimeMs - 100);
        Assert.DoesNotContain(_rig.Sent, f => IsArpRequest(f.Frame, Server));
        _rig.Pass(200);
        Assert.Equal(ServerMac, Destination(Assert.Single(_rig.Sent, f => IsArpRequest(f.Frame, Server)).Frame));
        Assert.True(NeighbourWord.IsUsable(_rig.Region.Neighbours[1]));
        _rig.Pass(NeighbourTable.RetransTimerMs * 2);
        Assert.Equal(3, _rig.Sent.Count(f => IsArpRequest(f.Frame, Server)));
        Assert.True(NeighbourWord.IsUsable(_rig.Region.Neighbours[1]));

        _rig.Punt(Messages.Arp(2, Server, Own, ServerMac));
        Assert.Equal(NeighbourState.Reachable, _rig.StateOf(1));
        _rig.Pass(NeighbourTable.ReachableTimeMs + (NeighbourTable.MaxSolicit * NeighbourTable.RetransTimerMs) + 100);
        Assert.False(NeighbourWord.IsUsable(_rig.Region.Neighbours[1]));
        Assert.Equal(0xFFFF_FFFF_FFFFul, Destination(_rig.Sent[^1].Frame));
    }

    [Fact]
    public void AFailedNeighbourIsAskedEverMoreSeldomButForeverAndAtOnceWhenNeeded()
    {
        _rig.Pass(200_000);
        int asked = _rig.Sent.Count(f => IsArpRequest(f.Frame, Server));
        Assert.InRange(asked, 9, 15);
        _rig.Pass(NeighbourTable.FailedRetryMaxMs + 100);
        Assert.Equal(asked + 1, _rig.Sent.Count(f => IsArpRequest(f.Frame, Server)));
        _rig.Wait(Segment(1), 1);
        Assert.Equal(asked + 2, _rig.Sent.Count(f => IsArpRequest(f.Frame, Server)));
    }

    /// <summary>What is tracked has to be missed soon: asked each second, failed after three questions without an answer.</summary>
    [Fact]
    public void AWatchedNeighbourIsAskedEachSecondAndMissedAfterFour()
    {
        SnapshotContent content = Content(Server);
        NextHopEntry hop = content.NextHops[1];
        hop.IsWatched = 1;
        content.NextHops[1] = hop;
        _rig.Publish(content);
        for (int i = 0; i < 10; i++)
        {
            _rig.Punt(Messages.Arp(2, Server, Own, ServerMac));
            _rig.Pass(1_100);
        }

        Assert.InRange(_rig.Sent.Count(f => IsArpRequest(f.Frame, Server)), 10, 12);
        _rig.Pass(3_500);
        Assert.Equal(NeighbourState.Failed, _rig.StateOf(1));
    }

    /// <summary>A VRRP peer has to be reached as soon as it is there.</summary>
    [Fact]
    public void AFailedPeerIsAskedEachSecond()
    {
        SnapshotContent content = Content(Server);
        NextHopEntry hop = content.NextHops[1];
        hop.IsWatched = 1;
        content.NextHops[1] = hop;
        _rig.Publish(content);
        _rig.Pass(60_000);
        _rig.Sent.Clear();
        _rig.Pass(60_000);
        Assert.InRange(_rig.Sent.Count(f => IsArpRequest(f.Frame, Server)), 58, 61);
    }

    [Theory]
    [InlineData(0xFFFF_FFFF_FFFF)]
    [InlineData(0x0B00_005E_0001)]
    [InlineData(0)]
    public void AnAddressThatIsNoHostsIsNotBelieved(ulong mac)
    {
        _rig.Punt(Messages.Arp(2, Server, Own, mac));
        Assert.Equal([DropReason.NeighbourMessageBad], _rig.Drops);
        Assert.False(NeighbourWord.IsUsable(_rig.Region.Neighbours[1]));
    }

    [Fact]
    public void PacketsThatWaitedForAServerDoNotGoToTheNextOneInItsSlot()
    {
        _rig.Wait(Segment(1), 1);
        _rig.Publish(Content(Other));
        Assert.Equal([DropReason.NeighbourUnresolved], _rig.Drops);
        _rig.Sent.Clear();
        _rig.Punt(Messages.Arp(2, Other, Own, OtherMac));
        Assert.DoesNotContain(_rig.Sent, f => Destination(f.Frame) == OtherMac);
        Assert.Equal(0, _rig.Held);
    }

    [Fact]
    public void ResolvesByNeighbourDiscoveryWithTheSolicitedNodeGroup()
    {
        using SlowPathRig rig = new(Content6("2001:db8::11"));
        rig.Pass(10);
        byte[] question = Assert.Single(rig.Sent, f => f.Frame[20] == 58 && f.Frame[54] == 135).Frame;
        Assert.Equal(Messages.Nd(135, "fe80::ff:fe00:1", "ff02::1:ff00:11", "2001:db8::11", ContentBuilder.Mac(SlowPathRig.MacText), 1), question);

        rig.Punt(Messages.Nd(136, "2001:db8::11", "fe80::ff:fe00:1", "2001:db8::11", ServerMac, 2, flags: 0x60));
        Assert.Equal(NeighbourWord.Pack(ServerMac, NeighbourState.Reachable, 0), rig.Region.Neighbours[1]);
        rig.Sent.Clear();
        rig.Pass(NeighbourTable.ReachableTimeMs + 100);
        byte[] probe = Assert.Single(rig.Sent, f => f.Frame[20] == 58 && f.Frame[54] == 135).Frame;
        Assert.Equal(ServerMac, Destination(probe));
        Assert.Equal(Messages.Nd(135, "fe80::ff:fe00:1", "2001:db8::11", "2001:db8::11", ContentBuilder.Mac(SlowPathRig.MacText), 1)[14..], probe[14..]);
    }

    private static SnapshotContent Content(string server)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, Own);
        builder.Service("10.0.0.100", 80, Wire.Tcp, servers: [(lan, server, 1)]);
        return builder.Content;
    }

    private static SnapshotContent Content6(string server)
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "2001:db8::2");
        builder.Service("2001:db8::100", 80, Wire.Tcp, servers: [(lan, server, 1)]);
        return builder.Content;
    }

    private static byte[] Segment(int clientPort) => Frames.L4("10.0.0.50", clientPort, "10.0.0.100", 80);

    private static ulong Destination(byte[] frame) => BitConverter.ToUInt64(frame) & 0xFFFF_FFFF_FFFF;

    private static bool IsArpRequest(byte[] frame, string target) =>
        frame[12] == 8 && frame[13] == 6 && frame[21] == 1 && frame.AsSpan(38, 4).SequenceEqual(System.Net.IPAddress.Parse(target).GetAddressBytes());
}
