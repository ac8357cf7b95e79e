using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>The groups of a configuration, run for real on the loopback interface.</summary>
public sealed class VrrpServiceTests
{
    private const int LooksMs = 1_000;   // 20 looks

    /// <summary>An exception port that is not there is looked for again and again; what is known is not told again with that, but to a group that begins.</summary>
    [RootFact]
    public async Task CausesAreToldOnceWhileALinkIsMissing()
    {
        await using PlayedDataplane played = await PlayedDataplane.StartAsync();
        played.IsLinkUp = false;
        await Task.Delay(100);
        VrrpGroupSettings web = PlayedDataplane.Group("web", "172.16.58.1", 51), other = PlayedDataplane.Group("other", "10.1.0.1", 52, on: "lan1");
        await played.PutAsync(web, other);
        await WaitFor(played, "web", "initialize");
        await Task.Delay(LooksMs);
        Assert.Equal(["VRRP group web takes no part: the port of its addresses has no link."], Told(played));

        await played.PutAsync(web with { Vrid = 53 }, other);
        await Until(() => Told(played).Count == 2);
        await WaitFor(played, "web", "initialize");
        await Task.Delay(LooksMs);
        Assert.Equal(2, Told(played).Count);

        // It goes on, and so has heard it already.
        await played.PutAsync(web with { Vrid = 53, Priority = 120 }, other);
        await Task.Delay(LooksMs);
        Assert.Equal(2, Told(played).Count);
    }

    /// <summary>A group that is changed is another one with the same name; what stops is the old one, with its own programs.</summary>
    [RootFact]
    public async Task AChangedGroupStopsWithTheProgramsThatItHad()
    {
        string folder = Directory.CreateTempSubdirectory("stop").FullName, file = Path.Combine(folder, "out");
        VrrpGroupSettings web = PlayedDataplane.Group("web", "172.16.58.1", 51) with { Notify = Says("old") };
        await using (PlayedDataplane played = await PlayedDataplane.StartAsync(web))
        {
            await WaitFor(played, "web", "backup");
            await played.PutAsync(web with { Vrid = 52, Notify = Says("new") });
            await Until(() => File.Exists(file) && File.ReadAllLines(file).Length >= 3);
        }

        Assert.Equal(["old INSTANCE web BACKUP 100", "old INSTANCE web STOP 100", "new INSTANCE web BACKUP 100", "new INSTANCE web STOP 100"], File.ReadAllLines(file));
        Directory.Delete(folder, recursive: true);

        VrrpNotifySettings Says(string who) => new() { Any = ["/bin/sh", "-c", $"echo {who} \"$@\" >> {file}", "sh"] };
    }

    private static List<string> Told(PlayedDataplane played) => [.. played.Events.Where(e => e.Kind == "vrrp.track").Select(e => e.Message)];

    private static Task WaitFor(PlayedDataplane played, string group, string state) => Until(async () =>
        JsonSerializer.Deserialize(await played.Bed.GetAsync($"v1/vrrp/{group}"), ApiJson.Default.VrrpGroupView)!.State == state);

    private static Task Until(Func<bool> condition) => Until(() => Task.FromResult(condition()));

    private static async Task Until(Func<Task<bool>> condition)
    {
        for (int i = 0; i < 500 && !await condition(); i++)
        {
            await Task.Delay(20);
        }

        Assert.True(await condition());
    }
}
