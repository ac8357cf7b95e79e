using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Limits of connections: thresholds of servers as IPVS has them, the maximum of a service, counts over several workers.</summary>
public sealed unsafe class ConnectionLimitTests : IDisposable
{
    private const string Vip = "172.16.58.1";
    private readonly EngineRig _rig = new(flows: 4096);
    private ContentBuilder _content = new();

    public void Dispose() => _rig.Dispose();

    /// <summary>All in one burst: what a worker counts itself it knows at once.</summary>
    [Fact]
    public void AServerAtItsUpperThresholdIsPassedOver()
    {
        Publish(Scheduler.Wlc, 2, (3, 0));
        Assert.Equal([1u, 2u, 1u, 2u, 1u, 2u, 2u, 2u], Open(1, 8));
        Assert.Equal((3u, 5u, 8u), (_rig.State->Servers[1].ActiveConnections, _rig.State->Servers[2].ActiveConnections, _rig.State->Services[1].Connections));
    }

    /// <summary>IPVS's rules: new flows come again below the lower threshold; without one, below three quarters of the upper one.</summary>
    [Theory]
    [InlineData(8, 3, 2)]
    [InlineData(8, 0, 5)]
    [InlineData(8, 8, 7)]
    [InlineData(5, 0, 3)]
    [InlineData(1, 0, 0)]
    public void AnOverloadedServerComesBackBelowTheLowerThreshold(int upper, int lower, int backAt)
    {
        Publish(Scheduler.Wlc, 1, (upper, lower));
        Assert.DoesNotContain(0u, Open(1, upper));
        for (int left = upper; left > backAt; left--)
        {
            Assert.Equal((int)DropReason.ServersFull, Refused(1000));
            Close(left);
        }

        Assert.Equal([1u], Open(1000, 1));
    }

    /// <summary>What is below the upper threshold and was not above it is between the two, and takes flows.</summary>
    [Fact]
    public void BetweenTheThresholdsOnlyAnOverloadedServerIsLeftOut()
    {
        Publish(Scheduler.Wlc, 1, (8, 3));
        Assert.DoesNotContain(0u, Open(1, 7));
        Close(7);
        Assert.Equal([1u], Open(100, 1));
    }

    /// <summary>As IPVS does when a threshold is raised.</summary>
    [Fact]
    public void ARaisedThresholdCountsAtOnce()
    {
        Publish(Scheduler.Wlc, 1, (3, 1));
        Open(1, 3);
        Assert.Equal((int)DropReason.ServersFull, Refused(100));
        Publish(Scheduler.Wlc, 1, (5, 1));
        Assert.Equal([1u, 1u], Open(100, 2));
        Assert.Equal((int)DropReason.ServersFull, Refused(102));
    }

    [Fact]
    public void MaglevGivesTheNextChoiceAndMovesNoOtherFlow()
    {
        const int Servers = 7, Flows = 700, Full = 3;
        Publish(Scheduler.Maglev, Servers);
        uint[] free = Open(1, Flows);
        using EngineRig other = new(flows: 4096);
        Publish(other, Scheduler.Maglev, Servers, [.. Enumerable.Range(1, Servers).Select(s => s == Full ? (20, 20) : (0, 0))]);
        uint[] limited = Open(other, 1, Flows);
        Assert.Equal(20, limited.Count(s => s == Full));
        Assert.All(free.Zip(limited).Where(f => f.First != Full), f => Assert.Equal(f.First, f.Second));
        uint[] moved = [.. free.Zip(limited).Where(f => f.First == Full && f.Second != Full).Select(f => f.Second)];
        Assert.True(moved.Length > 40, $"{moved.Length}");
        Assert.Equal(Servers - 1, moved.Distinct().Count()); // all others share them

        // The choice is always the same: with the flows gone from the table each gets its server again.
        using EngineRig again = new(flows: 4096);
        Publish(again, Scheduler.Maglev, Servers, [.. Enumerable.Range(1, Servers).Select(s => s == Full ? (20, 20) : (0, 0))]);
        Assert.Equal(limited, Open(again, 1, Flows));
    }

    /// <summary>One that is left is found, wherever the flow's place in the table is, and however many are full.</summary>
    [Fact]
    public void MaglevFindsTheOneThatIsLeft()
    {
        const int Servers = 150, Left = 97;
        Publish(_rig, Scheduler.Maglev, Servers, [.. Enumerable.Range(1, Servers).Select(s => s == Left ? (0, 0) : (1, 1))]);
        for (int server = 1; server <= Servers; server++)
        {
            _rig.State->Servers[server].ActiveConnections = server == Left ? 0u : 1;
            _rig.State->Servers[server].Incarnation = _rig.State->View.Servers[server].Incarnation;
        }

        Assert.All(Open(1, 300), s => Assert.Equal((uint)Left, s));
    }

    [Fact]
    public void WeightZeroIsNoNextChoice()
    {
        _content = new ContentBuilder();
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        _content.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1), (lan, "172.16.58.8", 0));
        CollectionsMarshal.AsSpan(_content.Content.Servers)[1].SetThresholds(2, 0);
        Publish(_rig);
        Assert.Equal([1u, 1u], Open(1, 2));
        Assert.Equal((int)DropReason.ServersFull, Refused(3));
    }

    [Theory]
    [InlineData(Scheduler.Wlc, false)]
    [InlineData(Scheduler.Maglev, true)]
    public void AServiceAtItsMaximumTakesNoMore(Scheduler scheduler, bool isTold)
    {
        Publish(scheduler, 2);
        ref ServiceEntry service = ref CollectionsMarshal.AsSpan(_content.Content.Services)[1];
        service.ConnectionsMax = 10;
        service.Flags = isTold ? ServiceFlags.RejectNoServer : ServiceFlags.None;
        Publish(_rig);
        Assert.DoesNotContain(0u, Open(1, 10));
        _rig.Run(0, Syn(11));
        Assert.Equal((isTold ? Verdict.Refuse : Verdict.Drop, (byte)DropReason.ServiceFull), (_rig.Burst->VerdictOf(0), _rig.Burst->Reason[0]));
        Assert.Equal((10u, 1UL, 10u), (_rig.State->Services[1].Connections, _rig.State->Services[1].Refused, _rig.State->Flows4.Count));
        _rig.Run(0, Frames.L4("172.16.0.9", 5, Vip, 80)); // of an open flow
        Assert.Equal(Verdict.Forward, _rig.Burst->VerdictOf(0));
        Close(5);
        Assert.DoesNotContain(0u, Open(12, 1));
        Assert.Equal((int)DropReason.ServiceFull, Refused(13));
    }

    /// <summary>A client that uses its port again gives its old place up first.</summary>
    [Fact]
    public void APortThatIsUsedAgainNeedsNoFurtherPlace()
    {
        Publish(Scheduler.Wlc, 1, (2, 2));
        CollectionsMarshal.AsSpan(_content.Content.Services)[1].ConnectionsMax = 2;
        Publish(_rig);
        Open(1, 2);
        _rig.Run(0, Frames.L4("172.16.0.9", 2, Vip, 80, tcpFlags: Wire.Rst));
        Assert.Equal([1u], Open(2, 1));
        Assert.Equal(2u, _rig.State->Services[1].Connections);
    }

    /// <summary>Flows of a server's slot that has a new user count no longer, for the server or the service.</summary>
    [Fact]
    public void AServiceForgetsTheFlowsOfASlotWithANewUser()
    {
        Publish(Scheduler.Wlc, 1);
        Open(1, 5);
        CollectionsMarshal.AsSpan(_content.Content.Servers)[1].Incarnation++;
        Publish(_rig);
        Assert.Equal([1u], Open(100, 1));
        Assert.Equal((1u, 1u), (_rig.State->Servers[1].ActiveConnections, _rig.State->Services[1].Connections));
        Close(3); // of the old user: it is in the table, and no longer counted
        Assert.Equal((1u, 1u), (_rig.State->Servers[1].ActiveConnections, _rig.State->Services[1].Connections));
    }

    /// <summary>Each of three workers has the flows of the two others, and overload is one state for all.</summary>
    [Fact]
    public void WorkersAreToldOfEachOthersConnections()
    {
        using Region region = Region.CreatePrivate(new RegionLayout(3, 16 << 20));
        ConnectionSums sums = Sums(region, (10, 4), max: 50);
        Assert.All(Enumerable.Range(0, 3), w => Assert.Equal(0u, region.OtherConnections(w)[1]));
        Count(region, 2, 3, 4);
        sums.Run();
        Assert.Equal([(7u, false), (6u, false), (5u, false)], Told(region, 1));
        Assert.Equal([(7u, false), (6u, false), (5u, false)], Told(region, Limits.ServersMax + 1));
        Count(region, 2, 3, 5);
        sums.Run();
        Assert.Equal([(8u, true), (7u, true), (5u, true)], Told(region, 1));
        Count(region, 2, 1, 1);
        sums.Run();
        Assert.Equal([(2u, true), (3u, true), (3u, true)], Told(region, 1)); // 4 are not below 4
        Count(region, 1, 1, 1);
        sums.Run();
        Assert.Equal([(2u, false), (2u, false), (2u, false)], Told(region, 1));
        region.ServerCounters(2)[1].Incarnation++; // another user's: not counted
        sums.Run();
        Assert.Equal([(1u, false), (1u, false), (2u, false)], Told(region, 1));
    }

    /// <summary>A worker adds what it is told of others to its own.</summary>
    [Fact]
    public void FlowsOfOtherWorkersCountAgainstTheLimits()
    {
        Publish(Scheduler.Wlc, 2, (10, 4), (0, 0));
        CollectionsMarshal.AsSpan(_content.Content.Services)[1].ConnectionsMax = 20;
        Publish(_rig);
        _rig.State->Others = (uint*)NativeMemory.AllocZeroed((nuint)OtherConnections.Words * sizeof(uint));
        _rig.State->Others[1] = OtherConnections.Pack(9, overloaded: false);
        Assert.Equal([1u, 2u, 2u], Open(1, 3));
        _rig.State->Others[1] = OtherConnections.Pack(4, overloaded: true);
        Assert.Equal([2u], Open(10, 1));
        _rig.State->Others[1] = OtherConnections.Pack(2, overloaded: true); // housekeeping has not seen yet that it is below
        Assert.Equal([1u], Open(20, 1));
        _rig.State->Others[Limits.ServersMax + 1] = OtherConnections.Pack(15, overloaded: false);
        Assert.Equal((int)DropReason.ServiceFull, Refused(30));
        NativeMemory.Free(_rig.State->Others);
    }

    /// <summary>Thousands of limits are summed up a part at a time, and each gets its turn.</summary>
    [Fact]
    public void EachLimitGetsItsTurn()
    {
        const int Servers = 8_000, Workers = 3;
        using Region region = Region.CreatePrivate(new RegionLayout(Workers, 64 << 20));
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "172.16.58.2");
        content.Service(Vip, 80, Wire.Tcp, Scheduler.Wlc, 65_537, [.. Enumerable.Range(0, Servers).Select(s => ((int)lan, $"172.17.{s / 250}.{(s % 250) + 1}", 1))]);
        foreach (ref ServerEntry server in CollectionsMarshal.AsSpan(content.Content.Servers)[1..])
        {
            server.SetThresholds(100, 0);
        }

        ConnectionSums sums = Sums(region, content);
        for (int server = 1; server <= Servers; server++)
        {
            region.ServerCounters(1)[server].Incarnation = content.Content.Servers[server].Incarnation;
            region.ServerCounters(1)[server].InactiveConnections = 7;
        }

        int turns = 0;
        for (; turns < 10 && region.OtherConnections(0)[1..(Servers + 1)].Contains(0u); turns++)
        {
            sums.Run();
        }

        Assert.Equal((Servers / (Limits.ConnectionSumsPerMs / Workers)) + 1, turns);
    }

    private static ConnectionSums Sums(Region region, (int Upper, int Lower) thresholds, int max)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "172.16.58.2");
        content.Service(Vip, 80, Wire.Tcp, Scheduler.Wlc, 251, (lan, "172.16.58.7", 1));
        CollectionsMarshal.AsSpan(content.Content.Servers)[1].SetThresholds((uint)thresholds.Upper, (uint)thresholds.Lower);
        CollectionsMarshal.AsSpan(content.Content.Services)[1].ConnectionsMax = (uint)max;
        return Sums(region, content);
    }

    private static ConnectionSums Sums(Region region, ContentBuilder content)
    {
        ConnectionSums sums = new(region);
        Assert.True(new SnapshotPublisher(region).TryPublish(content.Content, out _));
        Assert.True(new SnapshotGate(region).TryAccept(out SnapshotView view));
        sums.SetSnapshot(view);
        return sums;
    }

    private static void Count(Region region, params uint[] flows)
    {
        for (int worker = 0; worker < flows.Length; worker++)
        {
            ref ServerCounters counters = ref region.ServerCounters(worker)[1];
            (counters.Incarnation, counters.ActiveConnections, counters.InactiveConnections) = (1, flows[worker] / 2, flows[worker] - (flows[worker] / 2));
            region.ServiceCounters(worker)[1].Connections = flows[worker];
        }
    }

    private static (uint, bool)[] Told(Region region, int word) =>
        [.. Enumerable.Range(0, 3).Select(w => region.OtherConnections(w)[word]).Select(w => (OtherConnections.Count(w), OtherConnections.IsOverloaded(w)))];

    private void Publish(Scheduler scheduler, int servers, params (int Upper, int Lower)[] thresholds) => Publish(_rig, scheduler, servers, thresholds);

    private void Publish(EngineRig rig, Scheduler scheduler, int servers, params (int Upper, int Lower)[] thresholds)
    {
        _content = new ContentBuilder();
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        _content.Service(Vip, 80, Wire.Tcp, scheduler, 1_009, [.. Enumerable.Range(1, servers).Select(s => ((int)lan, $"172.16.58.{6 + s}", 1))]);
        for (int s = 0; s < thresholds.Length; s++)
        {
            CollectionsMarshal.AsSpan(_content.Content.Servers)[s + 1].SetThresholds((uint)thresholds[s].Upper, (uint)thresholds[s].Lower);
        }

        Publish(rig);
    }

    private void Publish(EngineRig rig)
    {
        rig.Publish(_content.Content);
        rig.ResolveAll(_content.Content);
    }

    private static byte[] Syn(int port) => Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn);

    private uint[] Open(int port, int count) => Open(_rig, port, count);

    /// <summary>SYNs in bursts; the server that each got, or 0.</summary>
    private static uint[] Open(EngineRig rig, int port, int count)
    {
        List<uint> servers = [];
        foreach (int[] burst in Enumerable.Range(port, count).Chunk(Limits.BurstMax))
        {
            rig.Run(0, [.. burst.Select(Syn)]);
            servers.AddRange(Enumerable.Range(0, burst.Length).Select(i => rig.Burst->VerdictOf(i) == Verdict.Forward ? rig.Burst->Server[i] : 0));
        }

        return [.. servers];
    }

    private int Refused(int port)
    {
        _rig.Run(0, Syn(port));
        return _rig.Burst->VerdictOf(0) == Verdict.Forward ? 0 : _rig.Burst->Reason[0];
    }

    /// <summary>A flow's time is over: the sweep takes it out of the table.</summary>
    private void Close(int port)
    {
        ulong key = FlowTable4.Key((uint)ContentBuilder.Words("172.16.0.9").High, Wire.Swap((ushort)port), 1);
        ulong* value = _rig.State->Flows4.Find(FlowTable4.Hash(_rig.State->View.Services[1].HashSalt, key), key);
        Assert.True(value != null);
        *value = FlowValue.With(*value, FlowValue.State(*value), _rig.State->NowMs - EngineState.DeadlineGrainMs);
        _rig.State->SweepMs = _rig.State->NowMs - FlowSweep.RoundMs;
        do
        {
            FlowSweep.Run(_rig.State);
        }
        while (FlowSweep.IsOwed(_rig.State));
        _rig.Run(0);
    }
}
