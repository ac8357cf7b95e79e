using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.SlowPaths;

public sealed class AnnouncementTests
{
    [Fact]
    public void NewVipsAreToldThreeTimesOnEachInterface()
    {
        using SlowPathRig rig = new(Content(vips: 2));
        rig.Pass(Forwarder.Engine.SlowPath.AnnouncementIntervalMs * 5);
        (int Port, byte[] Frame)[] arps = [.. rig.Sent.Where(f => IsGratuitous(f.Frame))];
        Assert.Equal(2 * 2 * Forwarder.Engine.SlowPath.AnnouncementCount, arps.Length);
        Assert.Equal(6, arps.Count(a => a.Port == 1));
        byte[] expected = Messages.Arp(1, "10.9.0.0", "10.9.0.0", ContentBuilder.Mac(SlowPathRig.MacText));
        Assert.Contains(arps, a => a.Port == 0 && a.Frame.AsSpan().SequenceEqual(expected));
        Assert.Equal(2 * Forwarder.Engine.SlowPath.AnnouncementCount, rig.Sent.Count(f => f.Frame[12] == 0x86 && f.Frame[54] == 136));
    }

    /// <summary>The ring to the worker holds 1,024 frames and forwarding needs mbufs, too.</summary>
    [Fact]
    public void ManyVipsAreToldLittleByLittle()
    {
        const int Vips = 10_000;
        using SlowPathRig rig = new(Content(Vips));
        int most = 0, before = 0;
        while (rig.Sent.Count(f => IsGratuitous(f.Frame)) < Vips * 2 * Forwarder.Engine.SlowPath.AnnouncementCount)
        {
            rig.Pass(5);
            most = Math.Max(most, rig.Sent.Count - before);
            before = rig.Sent.Count;
            Assert.True(rig.NowMs < 1_060_000, $"{before} after a minute");
        }

        Assert.InRange(most, 1, MbufPlan.RingEntries / 4);
    }

    private static SnapshotContent Content(int vips)
    {
        ContentBuilder builder = new();
        builder.Interface(0, 0, "10.0.0.2");
        builder.Interface(1, 0, "10.1.0.2");
        for (int i = 0; i < vips; i++)
        {
            builder.Local($"10.9.{i >> 8}.{i & 0xFF}", LocalAddressKind.Vip);
        }

        builder.Local("2001:db8::100", LocalAddressKind.Vip);
        return builder.Content;
    }

    private static bool IsGratuitous(byte[] frame) => frame[12] == 8 && frame[13] == 6 && frame.AsSpan(28, 4).SequenceEqual(frame.AsSpan(38, 4));
}
