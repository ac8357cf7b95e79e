using System.Net;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>Slots are what flows in the dataplane name: they mean the same from snapshot to snapshot, also over control's death.</summary>
public sealed class SlotTests
{
    private static readonly InterfaceModel s_lan = new("lan", 0, 0, 1500, [(IPAddress.Parse("10.0.0.2"), IPNetwork.Parse("10.0.0.0/24"))]);
    private static readonly ServiceKey s_key = new(6, IPAddress.Parse("10.0.0.100"), 80);
    private static readonly RegionLayout s_layout = new(2, 1 << 20);

    [Fact]
    public void AServerKeepsItsSlotWhenOthersGo()
    {
        SnapshotCompiler compiler = new();
        compiler.Compile(Model(11, 12, 13));
        int slot = SlotOf(compiler, 13);
        compiler.Compile(Model(13));
        Assert.Equal(slot, SlotOf(compiler, 13));
        compiler.Compile(Model(14, 13, 12));
        Assert.Equal((slot, 2), (SlotOf(compiler, 13), SlotOf(compiler, 12)));   // 12 is back at its own
        Assert.Equal(4, SlotOf(compiler, 14));                                 // 11's rests
    }

    [Fact]
    public void ASlotThatIsReusedHasAnotherIncarnation()
    {
        SlotAllocator<string> slots = new(3);
        Assert.Equal((1, 2), (slots.Take("a"), slots.Take("b")));
        slots.Free("a");
        Assert.Equal((1, 2), (slots.Take("c"), (int)slots.Incarnation(1)));
        Assert.Throws<InvalidOperationException>(() => slots.Take("d"));
    }

    [Fact]
    public void ANewControlFindsTheSlotsOfTheOldOne()
    {
        using Region region = Region.CreatePrivate(s_layout);
        SnapshotCompiler before = new();
        before.Compile(Model(11, 12, 13));
        SnapshotContent published = before.Compile(Model(12, 13));   // 11 has left slot 1
        Assert.True(new SnapshotPublisher(region).TryPublish(published, out _));
        region.ServerCounters(1)[1].Incarnation = 1;

        SnapshotCompiler after = new();
        after.Restore(region);
        SnapshotContent again = after.Compile(Model(12, 13));
        Assert.Equal((2, 3), (SlotOf(after, 12), SlotOf(after, 13)));
        Assert.Equal(published.Servers, again.Servers);
        Assert.Equal(published.NextHops, again.NextHops);
        Assert.Equal(published.Services, again.Services);
        after.Compile(Model(12, 13, 14));
        Assert.Equal(4, SlotOf(after, 14));   // not slot 1: flows of 11 may still name it
    }

    [Fact]
    public void ASlotAboveThoseOfTheSnapshotIsNotTakenForNew()
    {
        using Region region = Region.CreatePrivate(s_layout);
        SnapshotCompiler before = new();
        before.Compile(Model(11, 12));
        Assert.True(new SnapshotPublisher(region).TryPublish(before.Compile(Model(11)), out _));   // slot 2 was 12's
        region.ServerCounters(0)[2].Incarnation = 1;

        SnapshotCompiler after = new();
        after.Restore(region);
        after.Compile(Model(11, 13));
        Assert.Equal(3, SlotOf(after, 13));
    }

    [Fact]
    public void ANewRegionHasNothingToRestore()
    {
        using Region region = Region.CreatePrivate(s_layout);
        SnapshotCompiler compiler = new();
        compiler.Restore(region);
        compiler.Compile(Model(11));
        Assert.Equal(1, SlotOf(compiler, 11));
    }

    private static int SlotOf(SnapshotCompiler compiler, int server)
    {
        Assert.True(compiler.Servers.TryFind(new ServerKey(s_key, Rip(server), s_key.Port), out int slot));
        return slot;
    }

    private static IPAddress Rip(int number) => IPAddress.Parse($"10.0.0.{number}");

    private static DirectorModel Model(params int[] servers) =>
        new([s_lan], new TimeoutSettings(), [new ServiceModel(s_key, Scheduler.Wlc, 251, [.. servers.Select(n => new ServerModel(Rip(n), 80, 1, 0, ForwardingMethod.DirectRouting, Rip(n)))])], []);
}
