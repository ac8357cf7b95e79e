using System.Diagnostics;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>After start the dataplane allocates nothing and collects nothing, whatever is asked of it.</summary>
public sealed class SealTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const int LoadMs = 20_000, ChangeEveryMs = 500;

    [Fact]
    public void The_seal_holds_under_load()
    {
        bed.AddWebService();
        using HttpLoad load = new(bed.Lab.Client, S1Lab.Vip, clients: 4);
        using HttpLoad keepAlive = new(bed.Lab.Client, S1Lab.Vip, clients: 2, keepAlive: true);
        Stopwatch clock = Stopwatch.StartNew();
        for (int change = 0; clock.ElapsedMilliseconds < LoadMs; change++)
        {
            // Snapshots, echo, neighbours and flow queries are the dataplane's work, too.
            bed.Ipvsadm($"-e -t {S1Lab.Vip}:80 -r 172.16.58.8 -g -w {1 + (change % 3)}");
            bed.Lab.Client.Try($"ping -n -c 1 {S1Lab.Vip}");
            bed.Ipvsadm("-L -n -c");
            Thread.Sleep(ChangeEveryMs);
        }

        bed.AssertNoFailure([.. load.Stop(), .. keepAlive.Stop()]);
        DataplaneView dataplane = bed.Director.Api.Get("v1/status", ApiJson.Default.StatusView).Dataplane;
        Assert.True(dataplane.Sealed);
        Assert.Equal((0UL, 0UL), (dataplane.AllocatedBytesSinceSeal, dataplane.CollectionsSinceSeal));
    }
}
