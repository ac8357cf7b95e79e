using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>A change that cannot be put in force leaves everything as it was: the state, the file, the region, and what the dataplane is started with.</summary>
public sealed class AllOrNothingTests
{
    private const long SmallSlotBytes = Limits.SnapshotSlotBytesMin;

    [Fact]
    public async Task ASlotThatIsTooSmallIsRefusedBeforeTheDataplaneIsTouched()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(8_000, 8_000, 8_000));
        Before before = await Before.OfAsync(bed);
        DesiredState next = States.WithServices(8_000, 8_000, 8_000);
        (int status, string body, _) = await bed.PutAsync(next with { Dataplane = next.Dataplane with { SnapshotSlotBytes = SmallSlotBytes } });
        Assert.True(status == 422, body);
        Assert.Equal("/dataplane/snapshotSlotBytes", JsonSerializer.Deserialize(body, ApiJson.Default.Problem)!.Pointer);
        await before.AssertSameAsync(bed);
        using Region region = Region.Open(bed.RegionPath);
        Assert.Equal(Limits.SnapshotSlotBytesDefault, region.Layout.SnapshotSlotBytes);
    }

    [Fact]
    public async Task WhatTheDataplaneRefusesIsTakenBack()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        Before before = await Before.OfAsync(bed);
        using Region region = Region.Open(bed.RegionPath);
        Refuse(region);
        DesiredState next = States.WithServices(1, 1);
        DataplaneSettings settings = next.Dataplane with { Ports = [next.Dataplane.Ports[0] with { MtuBytes = 9_000 }] };
        (int status, string body, _) = await bed.PutAsync(next with { Dataplane = settings });
        Assert.True(status == 422, body);
        await before.AssertSameAsync(bed);
    }

    [Fact]
    public async Task AStateThatCannotBeStoredIsNotPutInForce()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        Before before = await Before.OfAsync(bed);
        Directory.CreateDirectory(bed.StatePath + ".tmp");   // where the new file would be written
        (int status, string body, _) = await bed.PutAsync(States.WithServices(1, 1));
        Assert.True(status == 500, body);
        await before.AssertSameAsync(bed);
        Directory.Delete(bed.StatePath + ".tmp");
        Assert.Equal(200, (await bed.PutAsync(States.WithServices(1, 1))).Status);
        Assert.Equal(2, Before.ServicesOf(bed.Published()));
    }

    [Fact]
    public async Task TheFirstConfigurationIsTakenBackAsAWhole()
    {
        await using ControlBed bed = await new ControlBed().StartAsync();
        string before = await bed.GetAsync();
        DesiredState state = States.WithServices(8_000, 8_000, 8_000);
        (int status, string body, _) = await bed.PutAsync(state with { Dataplane = state.Dataplane with { SnapshotSlotBytes = SmallSlotBytes } });
        Assert.True(status == 422, body);
        Assert.Equal(before, await bed.GetAsync());
        Assert.False(File.Exists(bed.StatePath), "state.json");
        Assert.False(File.Exists(bed.RegionPath), "region");
        Assert.False(File.Exists(bed.DataplanePath), "dataplane.json");
        Assert.Equal(200, (await bed.PutAsync(States.WithServices(1))).Status);
    }

    [Fact]
    public async Task SettingsWithWhichTheDataplaneDoesNotStartAreTakenBack()
    {
        await using ControlBed bed = await ControlBed.WithDataplaneThatFailsOn("net_null7").StartAsync(States.WithServices(1));
        Before before = await Before.OfAsync(bed);
        DesiredState next = States.WithServices(1, 1);
        (int status, string body, _) = await bed.PutAsync(next with { Dataplane = next.Dataplane with { Ports = [next.Dataplane.Ports[0] with { Device = "net_null7" }] } });
        Problem problem = JsonSerializer.Deserialize(body, ApiJson.Default.Problem)!;
        Assert.True(status == 422, body);
        Assert.Equal("/dataplane", problem.Pointer);
        Assert.Contains(FakeDataplane.Complaint, problem.Detail, StringComparison.Ordinal);
        await before.AssertSameAsync(bed);
    }

    [Fact]
    public async Task AFirstConfigurationWithWhichTheDataplaneDoesNotStartLeavesNothing()
    {
        await using ControlBed bed = await ControlBed.WithDataplaneThatFailsOn("net_null0").StartAsync();
        Assert.Equal(422, (await bed.PutAsync(States.WithServices(1))).Status);
        Assert.Empty(JsonSerializer.Deserialize(await bed.GetAsync(), ApiJson.Default.DesiredState)!.Services);
        Assert.Equal([false, false, false, false], new[] { bed.StatePath, bed.StatePath + ".tmp", bed.RegionPath, bed.DataplanePath }.Select(File.Exists));
    }

    /// <summary>One bad change among many that come at the same time does not take the others with it.</summary>
    [Fact]
    public async Task AChangeThatCannotBePublishedFailsAlone()
    {
        DesiredState start = States.WithServices(1);
        await using ControlBed bed = await new ControlBed().StartAsync(start with { Dataplane = start.Dataplane with { SnapshotSlotBytes = SmallSlotBytes } });
        DirectorState state = bed.Service<DirectorState>();
        Task<ChangeResult>[] good = [.. Enumerable.Range(1, 5).Select(n => Add(state, States.Service(n, 1)))];
        Task<ChangeResult> bad = Add(state, States.Service(6, 8_000) with { MaglevTableSize = 655_373 });
        Task<ChangeResult> last = Add(state, States.Service(7, 1));
        Assert.Equal(422, (await Assert.ThrowsAsync<ApiException>(() => bad)).Status);
        await Task.WhenAll([.. good, last]);
        Assert.Equal(7, Before.ServicesOf(bed.Published()));
    }

    private static Task<ChangeResult> Add(DirectorState state, VirtualService service) => state.ChangeAsync(s => Edits.AddService(s, service));

    // As a dataplane that does not take the next snapshot.
    private static void Refuse(Region region)
    {
        region.Header.RejectedFault = (uint)SnapshotFault.Checksum;
        region.Header.RejectedGeneration = SnapshotWord.Generation(region.Header.Published) + 1;
    }

    private sealed record Before(string Config, string State, string Dataplane, int Services)
    {
        public static async Task<Before> OfAsync(ControlBed bed) =>
            new(await bed.GetAsync(), await File.ReadAllTextAsync(bed.StatePath), await File.ReadAllTextAsync(bed.DataplanePath), ServicesOf(bed.Published()));

        public static int ServicesOf(SnapshotContent content) => content.Services.Count(s => s.Valid != 0);

        public async Task AssertSameAsync(ControlBed bed) => Assert.Equal(this, await OfAsync(bed));
    }
}
