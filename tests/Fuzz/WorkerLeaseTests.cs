using System.Diagnostics;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>A lease that ends in the middle of a worker's turn, as when the thread is stopped there: nothing leaves for the VIP any more.</summary>
public sealed unsafe class WorkerLeaseTests : IDisposable
{
    private const ushort Group = 1, OtherGroup = 2;
    private const string Vip = "10.0.0.100", OtherVip = "10.0.0.101", FreeVip = "10.0.0.102", Vip6 = "2001:db8::100";
    private readonly WorkerRig _rig;

    public WorkerLeaseTests()
    {
        ContentBuilder builder = new();
        ushort lan = builder.Interface(0, 0, "10.0.0.2");
        builder.Local("2001:db8::2", LocalAddressKind.Own, lan);
        builder.Service(Vip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Service(Vip6, 80, Wire.Tcp, servers: [(lan, "2001:db8::11", 1)]);
        builder.Govern(Group);
        int other = builder.Service(OtherVip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        builder.Content.Services[other] = builder.Content.Services[other] with { VrrpGroup = OtherGroup };
        builder.Content.VrrpGroupsEnd = OtherGroup + 1;
        builder.Service(FreeVip, 80, Wire.Tcp, servers: [(lan, "10.0.0.11", 1)]);
        _rig = new WorkerRig(builder.Content, ContentBuilder.Mac("02:00:00:00:00:01"));
        for (int slot = 1; slot < builder.Content.NextHops.Count; slot++)
        {
            _rig.Neighbours[slot] = NeighbourWord.Pack(EngineRig.MacOfNextHop(slot), NeighbourState.Reachable, 0);
        }

        _rig.Leases[Group] = _rig.Leases[OtherGroup] = ulong.MaxValue - 1;
    }

    private static byte[][] Frames => [.. new[] { Vip, OtherVip, FreeVip, Vip6 }.Select(vip => TestSupport.Frames.L4(vip == Vip6 ? "2001:db8::50" : "10.0.0.50", 4000, vip, 80))];

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void AllIsForwardedWhileTheLeasesLast()
    {
        Assert.Equal(["forward", "forward", "forward", "forward"], _rig.Turn(0, Frames).Select(f => f.Kind));
        Assert.Equal(4UL, _rig.Counters.ForwardedPackets);
    }

    [Fact]
    public void ALeaseThatEndsInTheMiddleOfATurnStopsItsFramesAndNoOther()
    {
        _rig.WhileReceiving = () => EndLease(Group);
        Assert.Equal(["drop", "forward", "forward", "drop"], _rig.Turn(0, Frames).Select(f => f.Kind));
        Assert.Equal(2UL, _rig.Drops[(int)DropReason.VipNotOwned]);
        Assert.Equal((2UL, 2UL), (_rig.Counters.ForwardedPackets, _rig.Counters.TxPackets));
    }

    [Fact]
    public void WhatHousekeepingAnsweredIsNotSentAfterTheLease()
    {
        Assert.Equal("forward", _rig.Inject(0, Frames[0], Group).Kind);
        Assert.Equal("forward", _rig.Inject(0, Frames[0], group: 0).Kind);
        _rig.WhileReceiving = () => EndLease(Group);
        Assert.Equal("drop", _rig.Inject(0, Frames[0], Group).Kind);
        Assert.Equal("forward", _rig.Inject(0, Frames[0], OtherGroup).Kind);
        Assert.Equal(1UL, _rig.Drops[(int)DropReason.VipNotOwned]);
    }

    /// <summary>Sets the lease to end now, but after the worker's look at the clock.</summary>
    private void EndLease(int group)
    {
        ulong now;
        do
        {
            now = (ulong)Stopwatch.GetTimestamp();
        }
        while (now <= _rig.State->NowNs);

        _rig.Leases[group] = now;
        while ((ulong)Stopwatch.GetTimestamp() - now <= Fence.StoppedNs)
        {
            // The thread is stopped.
        }
    }
}
