using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>All of <see cref="NicTests"/> by uio_pci_generic.</summary>
[Collection("nic")]
public sealed class UioTests(UioFixture fixture, ITestOutputHelper output) : NicTests(fixture, output), IClassFixture<UioFixture>
{
    private const string Group4 = "01:00:5e:00:00:12", Group6 = "33:33:00:00:00:12", VirtualMac4 = "00:00:5e:00:01:33", VirtualMac6 = "00:00:5e:00:02:33", HostGroup = "01:00:5e:00:00:fb";

    private static readonly TimeSpan s_report = TimeSpan.FromMilliseconds(700); // longer than between two reports of the dataplane

    /// <summary>
    /// The other way: promiscuous when asked, which shows that the foreign frames are there; and with an exception port, echo
    /// for the director's own addresses is answered by the host's kernel. The services survive both restarts.
    /// </summary>
    [Fact]
    public void PromiscuousWithAnExceptionPortTakesAllAndServesTheHost()
    {
        GuestDirector director = fixture.Director;
        DesiredState normal = director.Config(), other = director.Config();
        PortSettings lan = normal.Dataplane.Ports[0];
        other.Dataplane.Ports = [lan with { Promiscuous = true, Exception = "fwd0" }];
        director.Put(other);
        try
        {
            CountersView before = director.Counters();
            SendForeignFrames();
            CountersView after = director.Counters();
            Assert.True(director.Port().Promiscuous);
            Assert.Equal(before.Drops["notOurMac"] + FramesSent, after.Drops["notOurMac"]);
            Assert.InRange(after.SlowPath["toHost"] - before.SlowPath["toHost"], (ulong)FramesSent, ulong.MaxValue); // the multicast ones
            _ = fixture.Lab.Client.Run("ping -c 2 -i 0.2 -W 2 172.16.58.2");
            _ = fixture.Lab.Client.Run("ping -c 2 -i 0.2 -W 2 fd16::2");
        }
        finally
        {
            director.Put(normal);
        }
    }

    /// <summary>
    /// With promiscuous mode off the card lets in what a configuration needs, and no more: VRRP's groups while there is a VRRP
    /// group of their family, its virtual MAC address while it has one, groups of the host behind the exception port while it
    /// is in them. Told by the card's own count of frames that have passed its filters.
    /// </summary>
    [Fact]
    public void FiltersFollowVrrpAndTheHost()
    {
        GuestDirector director = fixture.Director;
        DesiredState normal = director.Config(), quiet = director.Config();
        quiet.Dataplane.Ports = [normal.Dataplane.Ports[0] with { Exception = "fwd0" }];
        VrrpGroupSettings four = new() { Name = "four", Interface = "lan", Vrid = 51, Addresses = ["172.16.58.200"], VirtualMac = true };
        VrrpGroupSettings six = new() { Name = "six", Interface = "lan", Vrid = 51, Addresses = ["fe80::200"], VirtualMac = true };
        director.Put(quiet);
        try
        {
            AssertReceived([]);
            director.Change(quiet with { Vrrp = [four, six] });
            AssertReceived([Group4, Group6, VirtualMac4, VirtualMac6]);
            Assert.Equal(["filter", "filter"], director.Port().Filters.VirtualMacs.Select(v => v.By));
            director.Change(quiet with { Vrrp = [four with { VirtualMac = false }] });
            // The card's multicast filter is a hash of the last two bytes: it cannot tell VRRP's two groups from each other.
            AssertReceived([Group4, Group6]);
            PortFiltersView filters = director.Port().Filters;
            Assert.Empty(filters.VirtualMacs);
            Assert.Contains(Group4, filters.MulticastMacs);
            Assert.DoesNotContain(Group6, filters.MulticastMacs);
            director.Change(quiet with { Vrrp = [six with { VirtualMac = false }] });
            AssertReceived([Group4, Group6]);
            Assert.DoesNotContain(Group4, director.Port().Filters.MulticastMacs);
            director.Change(quiet);
            AssertReceived([]);

            _ = fixture.Machine.Shell.Check($"ip maddr add {HostGroup} dev fwd0");
            AssertReceived([HostGroup]);
            _ = fixture.Machine.Shell.Check($"ip maddr del {HostGroup} dev fwd0");
            AssertReceived([]);
        }
        finally
        {
            director.Put(normal);
        }
    }

    /// <summary>
    /// Of frames to all these addresses the card lets in those to some. Each address gets twice as many frames as the one
    /// before, so that one count tells which have passed; what others send meanwhile is less than the fewest.
    /// </summary>
    private void AssertReceived(string[] expected)
    {
        const int Unit = 16, Tries = 3; // 1,008 frames: a ring of 1,024 takes them all at once
        string[] all = [VirtualMac4, VirtualMac6, "02:00:00:99:99:99", HostGroup, Group4, Group6];
        Thread.Sleep(s_report); // the host's groups are looked at as often as statistics are
        string[] passed = [];
        for (int n = 0; n < Tries && !passed.SequenceEqual(all.Where(expected.Contains)); n++)
        {
            ulong count = Passed(all, Unit);
            passed = [.. all.Where((_, i) => (count / Unit & (1UL << i)) != 0)];
            Output.WriteLine($"{count} frames passed: {string.Join(", ", passed)}");
        }

        PortView port = fixture.Director.Port();
        Assert.Equal(all.Where(expected.Contains), passed);
        Assert.False(port.Promiscuous);
        Assert.Equal("filter", port.Filters.Multicast);
    }

    private ulong Passed(string[] macs, int unit)
    {
        using RawFrames client = new(fixture.Lab.Client, "e0");
        ulong before = fixture.Director.Port().Statistics["rxPackets"];
        for (int i = 0; i < macs.Length; i++)
        {
            byte[] frame = Frames.Datagram(macs[i], "02:00:00:00:00:01", S1Lab.ClientAddress, "172.16.99.99");
            for (int n = unit << i; n > 0; n--)
            {
                client.Send(frame);
            }
        }

        Thread.Sleep(s_report);
        return fixture.Director.Port().Statistics["rxPackets"] - before;
    }
}
