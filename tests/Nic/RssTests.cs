using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.Nic.Tests;

/// <summary>Two workers on a NIC that spreads packets by the director's own key: where packets of FullNAT's flows arrive.</summary>
[Collection("nic")]
public sealed class RssTests(RssFixture fixture, ITestOutputHelper output) : IClassFixture<RssFixture>
{
    private const string MixedVip = "172.16.58.99", Source = "172.16.58.200", Source6 = "fd16::200";
    private const int Requests = 200;

    /// <summary>
    /// Both directions of a flow arrive at the worker that has it, whichever client and server: nothing is handed over. The
    /// same with a service whose flows live by the client alone shows that packets would arrive elsewhere.
    /// </summary>
    [Fact]
    public void FullNatsFlowsAreNotHandedOver()
    {
        DesiredState state = fixture.Director.Config();
        RealServer direct = new() { Address = fixture.Lab.RealServers[0].Address, Port = 80, Weight = 0 };
        fixture.Director.Change(state with
        {
            SourcePools = [new SourcePoolSettings { Name = "lan", Addresses = [Source] }, new SourcePoolSettings { Name = "lan6", Addresses = [Source6] }],
            Services =
            [
                Service(S1Lab.Vip, "lan", fixture.Lab.RealServers.Select(r => r.Address)),
                Service(S1Lab.VipV6, "lan6", fixture.Lab.RealServers.Select(r => r.AddressV6)),
                Service(MixedVip, "lan", [fixture.Lab.RealServers[1].Address], direct),
            ],
        });
        PortView port = fixture.Director.Port();
        Assert.Equal(("net_virtio", 2, 128), (port.Driver, port.RxQueues, port.RssClasses));
        foreach (string vip in (string[])[S1Lab.Vip, S1Lab.VipV6])
        {
            (ulong[] flows, ulong handedOver, ulong elsewhere) = Load(vip);
            output.WriteLine($"{vip}: {string.Join(" and ", flows)} flows, {handedOver} packets handed over");
            Assert.Equal((0UL, 0UL), (handedOver, elsewhere));
            Assert.All(flows, f => Assert.InRange(f, (ulong)Requests / 4, (ulong)Requests * 3 / 4));
        }

        (_, ulong mixed, _) = Load(MixedVip);
        output.WriteLine($"{MixedVip}: {mixed} packets handed over");
        Assert.InRange(mixed, (ulong)Requests, ulong.MaxValue);
    }

    private static VirtualService Service(string vip, string pool, IEnumerable<string> servers, params RealServer[] others) => new()
    {
        Protocol = "tcp", Address = vip, Port = 80, Scheduler = "wlc", SourcePool = pool,
        Servers = [.. servers.Select(a => new RealServer { Address = a, Port = 80, Method = "fullnat" }), .. others],
    };

    private (ulong[] Flows, ulong HandedOver, ulong Elsewhere) Load(string vip)
    {
        IReadOnlyList<WorkerView> before = fixture.Director.Workers();
        using (HttpLoad load = new(fixture.Lab.Client, vip, clients: 2, requests: Requests))
        {
            IReadOnlyList<LoadPhase> phases = load.Join();
            Assert.Equal((0, Requests), (phases.Sum(p => p.Failed), phases.Sum(p => p.Requests)));
        }

        IReadOnlyList<WorkerView> after = fixture.Director.Workers();
        ulong[] Change(string name) => [.. after.Select((w, i) => w.Counters[name] - before[i].Counters[name])];
        return (Change("flowsCreated"), (ulong)Change("handedOver").Sum(n => (long)n), (ulong)Change("rssElsewhere").Sum(n => (long)n));
    }
}
