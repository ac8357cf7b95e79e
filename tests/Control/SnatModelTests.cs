using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>Rules of SNAT: what is refused, what is compiled, what the API shows, and what a restart of control finds.</summary>
public sealed class SnatModelTests
{
    private static SnatRule Rule(string name = "all", string[]? gateways = null, params string[] sources) =>
        new() { Name = name, Sources = sources.Length == 0 ? ["10.9.0.0/16", "fd99::/64"] : sources, SourcePool = "out", Gateways = gateways ?? ["192.0.2.254", "fd18::fe"] };

    private static DesiredState State(params SnatRule[] rules) => new()
    {
        Dataplane = new DataplaneSettings { Ports = [new PortSettings { Name = "lan0", Device = "net_null0" }, new PortSettings { Name = "wan0", Device = "net_null1", MtuBytes = 1_400 }], WorkerCpus = [0] },
        Interfaces =
        [
            new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16", "fd16::2/64"] }, new InterfaceSettings { Name = "wan0", Port = "wan0", Vlan = 7, Addresses = ["192.0.2.1/24", "fd18::1/64"] },
            new InterfaceSettings { Name = "dmz", Port = "lan0", Vlan = 9, Addresses = ["10.8.0.1/24"] },
        ],
        SourcePools = [new SourcePoolSettings { Name = "out", Addresses = ["192.0.2.200", "192.0.2.201", "fd18::200"] }, new SourcePoolSettings { Name = "four", Addresses = ["192.0.2.210"] }],
        Services = [new VirtualService { Protocol = "tcp", Address = "172.16.58.1", Port = 80, Servers = [new RealServer { Address = "172.16.58.7", Method = "nat" }] }],
        SnatRules = rules,
    };

    private static SnapshotContent Compile(DesiredState state, SnapshotCompiler? compiler = null) => (compiler ?? new SnapshotCompiler()).Compile(ModelBuilder.Build(state, new CheckedServices()));

    [Fact]
    public void ARuleIsCompiledForEachFamilyOfItsSources()
    {
        SnapshotContent content = Compile(State(Rule() with { Interface = "lan0", Timeouts = new ServiceTimeouts { UdpS = 7 } }, Rule("second", ["192.0.2.254"], "10.0.0.0/8") with { Destinations = ["203.0.113.0/24", "203.0.113.77"], SourcePool = "four" }));
        Assert.Equal([4, 6, 4], content.SnatRules.Select(r => (int)r.IpVersion));
        Assert.Equal([(ushort)0, (ushort)0, SnatRuleEntry.AnyInterface], content.SnatRules.Select(r => r.Interface));
        Assert.Equal(["10.9.0.0/16", "fd99::/64", "10.0.0.0/8"], content.SnatRules.SelectMany(r => Prefixes(content, r.SourcesFirst, r.SourcesCount, r.IpVersion)));
        Assert.Equal(["0.0.0.0/0", "::/0", "203.0.113.0/24", "203.0.113.77/32"], content.SnatRules.SelectMany(r => Prefixes(content, r.DestinationsFirst, r.DestinationsCount, r.IpVersion)));

        // What is connected elsewhere goes there, unless it is named.
        Assert.Equal(["172.16.0.0/16", "10.8.0.0/24", "fd16::/64"], content.SnatRules.SelectMany(r => Prefixes(content, r.ExceptFirst, r.ExceptCount, r.IpVersion)));
        for (int i = 0; i < content.SnatRules.Count; i++)
        {
            ServerEntry server = content.Servers[(int)content.SnatRules[i].Server];
            Assert.Equal((ForwardingMethod.SourceNat, (ushort)i, (ushort)7, (byte)1, (ushort)1_400), (server.Method, server.SnatRule, server.Vlan, server.Port, server.MtuBytes));
            Assert.Equal(content.SnatRules[i].IpVersion == 4 ? ContentWords("192.0.2.254") : ContentWords("fd18::fe"), (content.NextHops[(int)server.NextHop].High, content.NextHops[(int)server.NextHop].Low));
            Assert.Equal(i < 2 ? 7_000u : 300_000u, content.Timeouts[server.Timeouts].UdpMs);
            ServiceEntry service = content.Services[server.Service];
            Assert.Equal((i == 0 ? 2u : 1u, i == 2 ? "192.0.2.210" : i == 0 ? "192.0.2.200" : "fd18::200"), (service.PoolCount, Shown(content.Sources[content.PoolMembers[(int)service.PoolFirst]])));
        }
    }

    private static (ulong, ulong) ContentWords(string address) => SnapshotCompiler.Words(IPAddress.Parse(address));

    private static string Shown(SourceEntry source) => Address(source.High, source.Low, source.IpVersion);

    private static string Address(ulong high, ulong low, byte ipVersion)
    {
        byte[] bytes = [.. BitConverter.GetBytes(high), .. BitConverter.GetBytes(low)];
        return new IPAddress(ipVersion == 4 ? bytes[..4] : bytes).ToString();
    }

    private static IEnumerable<string> Prefixes(SnapshotContent content, uint first, uint count, byte ipVersion) => content.SnatPrefixes.Skip((int)first).Take((int)count)
        .Select(p => $"{Address(p.High, p.Low, ipVersion)}/{System.Numerics.BitOperations.PopCount(p.MaskHigh) + System.Numerics.BitOperations.PopCount(p.MaskLow)}");

    [Theory]
    [InlineData("gateways", "203.0.113.1", "/gateways/0", "in no connected network")]
    [InlineData("gateways", "192.0.2.1", "/gateways/0", "own address")]
    [InlineData("gateways", "192.0.2.200", "/gateways/0", "source address of the director")]
    [InlineData("gateways", "172.16.58.1", "/gateways/0", "is a VIP")]
    [InlineData("gateways", "192.0.2.0", "/gateways/0", "first or last address of 192.0.2.0/24")]
    [InlineData("gateways", "192.0.2.255", "/gateways/0", "first or last address of 192.0.2.0/24")]
    [InlineData("gateways", "fd18::", "/gateways/0", "first or last address of fd18::/64")]
    [InlineData("gateways", "224.0.0.1", "/gateways/0", "not a unicast address")]
    [InlineData("gateways", "255.255.255.255", "/gateways/0", "not a unicast address")]
    [InlineData("gateways", "ff02::1", "/gateways/0", "not a unicast address")]
    [InlineData("gateways", "192.0.2.254 192.0.2.253", "/gateways/1", "second gateway of its family")]
    [InlineData("gateways", "192.0.2.254", "/gateways", "there is no IPv6 gateway")]
    [InlineData("gateways", "", "/gateways", "there is no IPv4 gateway")]
    [InlineData("sources", "10.9.0.0/16", "/gateways", "A gateway is IPv6, and no source is")]
    [InlineData("destinations", "203.0.113.0/24", "/destinations", "no destination is IPv6")]
    [InlineData("pool", "four", "/sourcePool", "has no IPv6 address")]
    [InlineData("pool", "", "/sourcePool", "none is named; there are out, four")]
    public void WhatDoesNotFitIsRefused(string field, string value, string at, string says)
    {
        string[] values = value.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        SnatRule rule = field switch
        {
            "gateways" => Rule(gateways: values),
            "sources" => Rule(sources: values),
            "destinations" => Rule() with { Destinations = values },
            _ => Rule() with { SourcePool = value.Length == 0 ? null : value },
        };
        ApiException refused = Assert.Throws<ApiException>(() => ModelBuilder.Build(State(rule), new CheckedServices()));
        Assert.Equal($"/snatRules/0{at}", refused.Pointer);
        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AVipOfAVrrpGroupIsNoGateway()
    {
        DesiredState state = State(Rule()), vrrp = state with
        {
            Dataplane = state.Dataplane with { Ports = [state.Dataplane.Ports[0], state.Dataplane.Ports[1] with { Exception = "fwd1" }] },
            Vrrp = [new VrrpGroupSettings { Name = "out", Interface = "wan0", Vrid = 9, Addresses = ["192.0.2.254"] }],
        };
        Assert.Contains("192.0.2.254 is a VIP of the director", Assert.Throws<ApiException>(() => ModelBuilder.Build(vrrp, new CheckedServices())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NamesAreUniqueAndRulesHaveALimit()
    {
        Assert.Contains("given twice", Assert.Throws<ApiException>(() => ModelBuilder.Build(State(Rule(), Rule()), new CheckedServices())).Message, StringComparison.Ordinal);
        SnatRule[] many = [.. Enumerable.Range(0, 257).Select(n => Rule($"r{n}"))];
        Assert.Contains("at most 256", Assert.Throws<ApiException>(() => ModelBuilder.Build(State(many), new CheckedServices())).Message, StringComparison.Ordinal);
        Assert.Equal(512, Compile(State(many[..256])).SnatRules.Count);
    }

    /// <summary>With all slots of services in use, those of rules that go are there for the services that come, and the other way round.</summary>
    [Fact]
    public void RulesGiveTheirSlotsToServices()
    {
        SnapshotCompiler compiler = new();
        CheckedServices known = new();
        VirtualService[] services = [.. Enumerable.Range(0, Limits.ServicesMax - 1).Select(n => States.Service(n / 2, 0) with { Port = 80 + (n % 2) })];
        SnatRule[] rules = [.. Enumerable.Range(0, 200).Select(n => Rule($"r{n}"))];
        Build(400);
        Build(0);
        Assert.Equal(400, Build(400).SnatRules.Count);
        SnapshotContent Build(int places) => compiler.Compile(ModelBuilder.Build(State(rules[..(places / 2)]) with { Services = services[places..] }, known));
    }

    /// <summary>Flows name the slot of a rule: it stays whatever else changes, and another control finds it again.</summary>
    [Fact]
    public void ARuleKeepsItsSlotsOverChangesAndRestarts()
    {
        using Region region = Region.CreatePrivate(new RegionLayout(1, 8 << 20));
        SnapshotCompiler compiler = new();
        SnapshotContent content = Compile(State(Rule("a"), Rule("b")), compiler);
        uint[] before = [.. content.SnatRules.Select(r => r.Server)];
        Assert.True(new SnapshotPublisher(region).TryPublish(content, out _));
        Assert.True(new SnapshotGate(region).TryAccept(out _));
        content = Compile(State(Rule("b", ["192.0.2.253", "fd18::fd"]), Rule("a", null, "10.7.0.0/16", "fd77::/64")), compiler);
        Assert.Equal([before[2], before[3], before[0], before[1]], content.SnatRules.Select(r => r.Server));

        SnapshotCompiler next = new();
        next.Restore(region);
        content = Compile(State(Rule("c"), Rule("b")), next);
        Assert.Equal([before[2], before[3]], content.SnatRules.Skip(2).Select(r => r.Server));
        Assert.DoesNotContain(content.SnatRules[0].Server, before);
        Assert.False(next.Servers.TryFind(ModelBuilder.Build(State(Rule("a")), new CheckedServices()).SnatRules[0].ServerKeyOf(AddressFamily.InterNetwork), out _));
        Assert.True(next.Servers.TryFind(new ServerKey(new ServiceKey(6, IPAddress.Parse("172.16.58.1"), 80), IPAddress.Parse("172.16.58.7"), 80), out _));
    }

    [Fact]
    public async Task TheApiAddsShowsReplacesAndRemovesRules()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(State());
        Assert.Equal(201, (await bed.SendAsync(HttpMethod.Post, "v1/snat", Json(Rule("b")))).Status);
        Assert.Equal(201, (await bed.SendAsync(HttpMethod.Post, "v1/snat?before=b", Json(Rule("a") with { Destinations = ["203.0.113.0/24", "2001:db8::/32"] }))).Status);
        Assert.Equal(409, (await bed.SendAsync(HttpMethod.Post, "v1/snat", Json(Rule("a")))).Status);
        Assert.Equal(404, (await bed.SendAsync(HttpMethod.Post, "v1/snat?before=x", Json(Rule("c")))).Status);
        (int status, string body, _) = await bed.SendAsync(HttpMethod.Post, "v1/snat", Json(Rule("c", ["203.0.113.1", "fd18::fe"])));
        Assert.Equal((422, "/gateways/0"), (status, JsonSerializer.Deserialize(body, ApiJson.Default.Problem)!.Pointer));

        IReadOnlyList<SnatRuleView> rules = JsonSerializer.Deserialize(await bed.GetAsync("v1/snat"), ApiJson.Default.IReadOnlyListSnatRuleView)!;
        Assert.Equal(["a", "b"], rules.Select(r => r.Name));
        Assert.Equal(["203.0.113.0/24", "2001:db8::/32"], rules[0].Destinations);
        Assert.Equal([("192.0.2.254", "wan0", "none"), ("fd18::fe", "wan0", "none")], rules[0].Gateways.Select(g => (g.Address, g.Interface, g.Neighbour)));
        Assert.Contains("snat:b", await bed.GetAsync("v1/neighbours"), StringComparison.Ordinal);

        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Put, "v1/snat/a", Json(Rule("a", null, "10.7.0.0/16", "fd77::/64")))).Status);
        Assert.Equal(422, (await bed.SendAsync(HttpMethod.Put, "v1/snat/a", Json(Rule("z")))).Status);
        rules = JsonSerializer.Deserialize(await bed.GetAsync("v1/snat"), ApiJson.Default.IReadOnlyListSnatRuleView)!;
        Assert.Equal(["a", "b"], rules.Select(r => r.Name));
        Assert.Equal(["10.7.0.0/16", "fd77::/64"], JsonSerializer.Deserialize(await bed.GetAsync("v1/snat/a"), ApiJson.Default.SnatRuleView)!.Sources);
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Delete, "v1/snat/a")).Status);
        Assert.Equal(404, (await bed.SendAsync(HttpMethod.Delete, "v1/snat/a")).Status);
        Assert.Equal(404, (await bed.SendAsync(HttpMethod.Get, "v1/snat/a")).Status);
        Assert.Equal(2, bed.Published().Servers.Count(s => s.Valid != 0 && s.Method == ForwardingMethod.SourceNat));
    }

    private static string Json(SnatRule rule) => JsonSerializer.Serialize(rule, ApiJson.Default.SnatRule);

    [Theory]
    [InlineData(null, null, null, null, true)]
    [InlineData("snat:all", null, null, null, true)]
    [InlineData("snat:other", null, null, null, false)]
    [InlineData("tcp:172.16.58.1:80", null, null, null, false)]
    [InlineData(null, "10.9.0.7", "198.51.100.9:80", "ESTABLISHED", true)]
    [InlineData(null, "10.9.0.8", null, null, false)]
    [InlineData(null, null, "198.51.100.10", null, false)]
    [InlineData(null, null, "removed", null, false)]
    [InlineData(null, null, null, "ECHO", false)]
    public void AFilterTakesFlowsOfSnat(string? service, string? client, string? server, string? state, bool taken)
    {
        ConnectionFilter filter = ConnectionFilter.Parse(service, client, server, state);
        Assert.Equal(taken, filter.TakesSnat("all", IPEndPoint.Parse("10.9.0.7:4000"), IPEndPoint.Parse("198.51.100.9:80"), "ESTABLISHED"));
        Assert.False(service != null && service.StartsWith("snat:", StringComparison.Ordinal) && filter.Takes(new ServiceKey(6, IPAddress.Parse("172.16.58.1"), 80), IPEndPoint.Parse("10.9.0.7:4000"), null, FlowState.Established));
    }
}
