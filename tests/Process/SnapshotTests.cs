using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Process.Tests;

/// <summary>A bad snapshot stops at the dataplane's door: it is refused in words, and what runs goes on running.</summary>
public sealed class SnapshotTests : IDisposable
{
    private readonly Bed _bed = new();

    public void Dispose() => _bed.Dispose();

    [Theory]
    [InlineData("checksum", SnapshotFault.Checksum)]
    [InlineData("version", SnapshotFault.Version)]
    [InlineData("magic", SnapshotFault.Magic)]
    [InlineData("size", SnapshotFault.Size)]
    [InlineData("generation", SnapshotFault.Generation)]
    [InlineData("port", SnapshotFault.Interface)]
    public void ABadSnapshotIsRefusedAndTheRunningStateStays(string what, SnapshotFault expected)
    {
        DataplaneProcess dataplane = _bed.StartAndWait();
        ulong good = _bed.Publish(Lan.Content());
        ulong server = Lan.Destination(Lan.Forward(_bed, 1000));

        PublishRaw(good + 1, slot => Spoil(slot, what), what == "port" ? 1 : 0);
        Wait.Until(() => _bed.Region.Header.RejectedGeneration == good + 1, "the snapshot is refused");
        Assert.Equal(expected, (SnapshotFault)_bed.Region.Header.RejectedFault);
        Assert.Equal(good, SnapshotWord.Generation(_bed.Region.Header.Accepted));
        Assert.Equal(good, _bed.Region.Worker(0).SeenGeneration);
        Assert.Equal(server, Lan.Destination(Lan.Forward(_bed, 1000, Wire.Ack)));
        Wait.Until(() => dataplane.Errors.Contains($"snapshot {good + 1} refused: {expected}", StringComparison.Ordinal), "the refusal is in the log");
        Assert.Contains($"generation {good} stays in force", dataplane.Errors, StringComparison.Ordinal);

        ulong next = _bed.Publish(Lan.Content());
        Assert.Equal(good + 2, next);
        Assert.Equal(server, Lan.Destination(Lan.Forward(_bed, 1000, Wire.Ack)));
    }

    /// <summary>Control has published, died, and the snapshot rots: a dataplane that starts does not forward by it.</summary>
    [Fact]
    public void ASnapshotThatHasGoneBadIsNotResumed()
    {
        DataplaneProcess first = _bed.StartAndWait();
        ulong good = _bed.Publish(Lan.Content());
        first.Kill();
        int slot = SnapshotWord.Slot(_bed.Region.Header.Accepted);
        Spoil(_bed.Region.SnapshotSlot(slot), "checksum");

        _bed.StartAndWait();
        _bed.Wire.Send(Lan.Segment(1000));
        Wait.Until(() => _bed.Drops(DropReason.NoSnapshot) == 1, "nothing is forwarded");
        Assert.Equal(0ul, _bed.Region.Header.Accepted);
        Assert.Equal(good, _bed.Region.Header.RejectedGeneration);
        _bed.Publish(Lan.Content());
        Lan.Forward(_bed, 1001);
    }

    private static void Spoil(Span<byte> slot, string what)
    {
        ref SnapshotHeader header = ref MemoryMarshal.AsRef<SnapshotHeader>(slot);
        switch (what)
        {
            case "checksum": slot[(int)header.TotalBytes - 1] ^= 1; break;
            case "version": header.Version++; break;
            case "magic": header.Magic ^= 1; break;
            case "size": header.TotalBytes = (ulong)slot.Length + 1; break;
            case "generation": header.Generation++; break;
            default: break;
        }
    }

    /// <summary>Publishes past control's own check: what a faulty or damaged control could do.</summary>
    private void PublishRaw(ulong generation, SpoilAction spoil, int port)
    {
        ContentBuilder builder = new();
        builder.Interface(port, 0, Lan.Own);
        int slot = Enumerable.Range(0, Limits.SnapshotSlots).First(s => s != SnapshotWord.Slot(_bed.Region.Header.Published));
        Span<byte> bytes = _bed.Region.SnapshotSlot(slot);
        SnapshotWriter.Write(port == 0 ? Lan.Content() : builder.Content, generation, bytes);
        spoil(bytes);
        Volatile.Write(ref _bed.Region.Header.Published, SnapshotWord.Pack(generation, slot));
    }

    private delegate void SpoilAction(Span<byte> slot);
}
