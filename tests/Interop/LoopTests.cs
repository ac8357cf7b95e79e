using Forwarder.Control;
using Forwarder.Lab;
using Forwarder.Vrrp;
using Xunit.Abstractions;

namespace Forwarder.Interop.Tests;

/// <summary>The loop with real sockets: what waits in them, and what it starts with.</summary>
public sealed class LoopTests(ITestOutputHelper output) : IDisposable
{
    private const int TheirPriority = 200;
    private static readonly KeepalivedCase s_agreed = KeepalivedCase.Version3Fast;
    private readonly KeepalivedBed _bed = new(s_agreed);

    private static VrrpConfig Peer => s_agreed.Ours(TheirPriority) with { PrimaryAddress = VrrpAddress.Parse(s_agreed.TheirAddress), IntervalCs = 100 };

    public void Dispose() => _bed.Dispose();

    /// <summary>More advertisements than the loop reads: those of the active router are among them, and not old.</summary>
    [Fact]
    public void A_flood_of_advertisements_does_not_make_a_backup_active()
    {
        const int FloodMs = 6_000, PerMs = 90, TicksPerMs = 10_000;
        using OurRouter router = new(_bed, s_agreed.Ours(100) with { IntervalCs = 100 });
        bool done = false;
        long sent = 0;
        Thread active = Sending((socket, frames) =>
        {
            // Some of them are lost: the socket's queue is full.
            byte[] advert = [.. frames.Advertisement(Peer, TheirPriority, VrrpVersion.V3)];
            while (!Volatile.Read(ref done))
            {
                socket.TrySend(advert);
                Thread.Sleep(50);
            }
        });
        Wait.Until(() => router.State == VrrpState.Backup && router.Instance.IsFollowing, "it follows");
        Thread flood = Sending((socket, frames) =>
        {
            byte[] foreign = [.. frames.Advertisement(Peer with { Vrid = 9 }, 100, VrrpVersion.V3)];
            for (DateTime start = DateTime.UtcNow; DateTime.UtcNow < start.AddMilliseconds(FloodMs);)
            {
                for (; sent < (DateTime.UtcNow - start).Ticks * PerMs / TicksPerMs; sent++)
                {
                    socket.TrySend(foreign);
                }
            }
        });
        flood.Join();
        (long read, long good, VrrpState state) = (router.Link.Count(VrrpDecodeError.BadVrid), router.Instance.Counters.AdvertsReceived, router.State);
        output.WriteLine($"{sent} sent, {read} read, {good} advertisements of the active router read");
        Volatile.Write(ref done, true);
        active.Join();
        Assert.True(read < sent * 9 / 10, $"{read} of {sent} read: the loop could keep up, this was no flood");
        Assert.Equal((VrrpState.Backup, 0L), (state, router.Instance.Counters.ActiveTransitions));
    }

    /// <summary>A resignation of before, when no group listened here, is none.</summary>
    [Fact]
    public void What_came_in_while_nobody_listened_is_not_read()
    {
        using OurRouter router = new(_bed, s_agreed.Ours(100) with { IntervalCs = 100 });
        router.SetMembers(0);
        Sending((socket, frames) =>
        {
            socket.TrySend(frames.Advertisement(Peer, TheirPriority, VrrpVersion.V3));
            socket.TrySend(frames.Advertisement(Peer, VrrpLimits.PriorityResign, VrrpVersion.V3));
        }).Join();
        Thread.Sleep(500);
        router.SetMembers(1);
        Thread.Sleep(1_000);    // longer than its skew time
        Assert.Equal((VrrpState.Backup, 0L), (router.Instance.State, router.Instance.Counters.AdvertsReceived));
    }

    /// <summary>On a busy host, or with many groups at short intervals, some advertisement is always on its way: announcements must not wait for that.</summary>
    [Fact]
    public void Announcements_go_out_while_advertisements_are_on_their_way()
    {
        _bed.Capture();
        using OurRouter router = new(_bed, s_agreed.Ours(100)) { IsAlwaysAwaiting = true };
        router.WaitFor(VrrpState.Active, "alone");
        Thread.Sleep(300);
        Assert.Equal(5, _bed.Dissect("arp.isgratuitous == 1", "frame.number").Count);
    }

    [Fact]
    public void An_owner_at_fault_from_the_start_says_nothing()
    {
        _bed.Capture();
        using OurRouter router = new(_bed, s_agreed.Ours(VrrpLimits.PriorityOwner), VrrpFaults.Tracking);
        router.WaitFor(VrrpState.Initialize, "fault");
        Assert.Equal(VrrpReason.Fault, router.Reason);
        Thread.Sleep(3 * s_agreed.IntervalMs);
        Assert.Equal((0L, 0L), (router.Instance.Counters.AdvertsSent, router.Instance.Counters.ActiveTransitions));
        router.Stop();
        Assert.Empty(_bed.Dissect("vrrp || arp", "frame.number"));
    }

    private Thread Sending(Action<VrrpSocket, VrrpFrames> send) => _bed.Theirs.StartThread(() =>
    {
        using VrrpSocket socket = new(KeepalivedBed.TheirDevice, 0);
        send(socket, new VrrpFrames(socket.Mac, 0));
    });
}
