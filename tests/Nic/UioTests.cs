using Forwarder.Api;
using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>All of <see cref="NicTests"/> by uio_pci_generic.</summary>
[Collection("nic")]
public sealed class UioTests(UioFixture fixture, ITestOutputHelper output) : NicTests(fixture, output), IClassFixture<UioFixture>
{
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
}
