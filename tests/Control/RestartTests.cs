using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>Control that ends and starts again finds what it had.</summary>
public sealed class RestartTests
{
    [Fact]
    public async Task TheStateAndItsETagSurvive()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(2, 3));
        await bed.SendAsync(HttpMethod.Patch, "v1/services/tcp:172.17.0.2:80/servers/172.16.100.2:80", """{"weight":7}""");
        (_, string before, HttpResponseMessage answer) = await bed.SendAsync(HttpMethod.Get, "v1/config");
        await bed.StopAsync();
        await bed.StartAsync();
        (_, string after, HttpResponseMessage again) = await bed.SendAsync(HttpMethod.Get, "v1/config");
        Assert.Equal(before, after);
        Assert.Equal(answer.Headers.ETag, again.Headers.ETag);
        Assert.Equal(200, (await bed.PutAsync(States.WithServices(1), answer.Headers.ETag!.ToString())).Status);
    }

    [Fact]
    public async Task GenerationsGoOn()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(2));
        ulong before = JsonSerializer.Deserialize(await bed.GetAsync("v1/status"), ApiJson.Default.StatusView)!.PublishedGeneration;
        await bed.StopAsync();
        await bed.StartAsync();
        Assert.Equal(before + 1, JsonSerializer.Deserialize(await bed.GetAsync("v1/status"), ApiJson.Default.StatusView)!.PublishedGeneration);
        Assert.Equal(2, bed.Published().Servers.Count(s => s.Valid != 0));
    }

    /// <summary>Leases that a control before this one held may be under other groups' numbers now; and it has not been elected.</summary>
    [Fact]
    public async Task LeasesOfAnEarlierControlAreNotTakenOver()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(2));
        await bed.StopAsync();
        using Region region = Region.Open(bed.RegionPath);
        region.Leases[1..3].Fill(ulong.MaxValue);
        await bed.StartAsync();
        Assert.Equal([0UL, 0UL], region.Leases[1..3].ToArray());
    }

    [Fact]
    public async Task AStoredStateThatIsNotAllowedStopsTheStartAndNamesTheField()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        await bed.StopAsync();
        await File.WriteAllTextAsync(bed.StatePath, (await File.ReadAllTextAsync(bed.StatePath)).Replace("\"wlc\"", "\"rr\"", StringComparison.Ordinal));
        ApiException e = await Assert.ThrowsAsync<ApiException>(() => bed.StartAsync());
        Assert.Equal("/services/0/scheduler", e.Pointer);
        Assert.EndsWith($"(in {bed.StatePath})", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AStoredStateThatIsCutOffStopsTheStartAndIsKept()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        await bed.StopAsync();
        string half = (await File.ReadAllTextAsync(bed.StatePath))[..100];
        await File.WriteAllTextAsync(bed.StatePath, half);
        Assert.Contains(bed.StatePath, (await Assert.ThrowsAsync<InvalidDataException>(() => bed.StartAsync())).Message, StringComparison.Ordinal);
        Assert.Equal(half, await File.ReadAllTextAsync(bed.StatePath));
    }
}
