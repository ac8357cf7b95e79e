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
        AssertNames(content.SnatSources4, content, ("10.9.0.0", [0, 2]), ("10.9.255.255", [0, 2]), ("10.10.0.0", [2]), ("10.255.255.255", [2]), ("11.0.0.0", []), ("9.255.255.255", []));
        AssertNames(content.SnatSources6, content, ("fd99::", [1]), ("fd99::ffff:ffff:ffff:ffff", [1]), ("fd99:0:0:1::", []), ("fd98:ffff:ffff:ffff:ffff:ffff:ffff:ffff", []));
        AssertNames(content.SnatDestinations4, content, ("0.0.0.0", [0]), ("255.255.255.255", [0]), ("203.0.113.0", [0, 2]), ("203.0.113.255", [0, 2]), ("203.0.114.0", [0]));

        // What is connected elsewhere goes there, unless it is named.
        AssertNames(content.SnatDestinations4, content, ("172.16.0.0", []), ("172.16.255.255", []), ("172.17.0.0", [0]), ("10.8.0.255", []), ("10.8.1.0", [0]), ("192.0.2.7", [0]));
        AssertNames(content.SnatDestinations6, content, ("fd16::", []), ("fd16::ffff:0:0:0", []), ("fd15::", [1]), ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [1]));
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

    private static void AssertNames(List<SnatRangeEntry> ranges, SnapshotContent content, params (string Address, int[] Rules)[] expected) =>
        Assert.All(expected, e => Assert.Equal(e.Rules, RulesOf(ranges, content, SnatRange.Of(IPAddress.Parse(e.Address)).First)));

    /// <summary>Without a search: the last range that begins at the address or before.</summary>
    private static int[] RulesOf(List<SnatRangeEntry> ranges, SnapshotContent content, UInt128 address)
    {
        SnatSetEntry set = content.SnatSets[(int)ranges.Last(r => new UInt128(r.High, r.Low) <= address).Set];
        return [.. Enumerable.Range(0, Limits.SnatRulesMax).Where(set.Has)];
    }

    /// <summary>What is no inside host's address is left alone in whatever prefix it is: of 0.0.0.0/0 and ::/0 all other addresses stay.</summary>
    [Fact]
    public void NoRuleTakesPacketsFromTheDirectorOrFromNobody()
    {
        SnapshotContent content = Compile(State(Rule("all", null, "0.0.0.0/0", "::/0") with { Destinations = ["198.51.100.0/24", "2001:db8::/32"] }));
        string[] nobody4 = ["0.0.0.0", "0.255.255.255", "127.0.0.1", "169.254.7.7", "224.0.0.1", "240.0.0.1", "255.255.255.255", "172.16.58.2", "10.8.0.1", "172.16.58.1", "192.0.2.200", "192.0.2.201", "192.0.2.210"];
        string[] nobody6 = ["::", "::1", "fe80::", "febf:ffff::1", "ff02::1", "ffff::", "fd16::2", "fd18::1", "fd18::200"];
        AssertNames(content.SnatSources4, content, [.. nobody4.Select(a => (a, Array.Empty<int>()))]);
        AssertNames(content.SnatSources6, content, [.. nobody6.Select(a => (a, Array.Empty<int>()))]);
        AssertNames(content.SnatSources4, content, [.. ((string[])["1.0.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.16.58.3", "172.16.58.7", "223.255.255.255", "192.0.2.199"]).Select(a => (a, (int[])[0]))]);
        AssertNames(content.SnatSources6, content, [.. ((string[])["::2", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd16::1", "fd16::3"]).Select(a => (a, (int[])[1]))]);
    }

    /// <summary>The tables against the rules read one by one, at the ends of all prefixes and beside them.</summary>
    [Fact]
    public void TheTablesSayWhatThePrefixesSay()
    {
        using Region region = Region.CreatePrivate(new RegionLayout(1, 8 << 20));
        SnapshotCompiler compiler = new();
        for (int seed = 0; seed < 60; seed++)
        {
            Random random = new(seed);
            DirectorModel model = ModelBuilder.Build(State([.. Enumerable.Range(0, random.Next(1, 80)).Select(n => RandomRule(random, n))]), new CheckedServices());
            SnapshotContent content = compiler.Compile(model);
            Assert.True(new SnapshotPublisher(region).TryPublish(content, out _)); // the verifier agrees
            Assert.True(new SnapshotGate(region).TryAccept(out _));
            List<(SnatRuleModel Rule, SnatPathModel Path)> parts = [.. model.SnatRules.SelectMany(r => r.Paths, (r, p) => (r, p))];
            foreach (IPAddress address in Ends(model))
            {
                bool v4 = address.AddressFamily == AddressFamily.InterNetwork;
                bool isHost = !SnatSources.NoHosts.Any(n => n.Contains(address)) && !SnatSources.OwnAddresses(model).Contains(address);
                UInt128 number = SnatRange.Of(address).First;
                int[] bySource = [.. Enumerable.Range(0, parts.Count).Where(n => isHost && parts[n].Path.Gateway.AddressFamily == address.AddressFamily && parts[n].Rule.Sources.Any(s => s.Contains(address)))];
                int[] byDestination = [.. Enumerable.Range(0, parts.Count).Where(n => parts[n].Path.Gateway.AddressFamily == address.AddressFamily && parts[n].Rule.Destinations?.Any(d => d.Contains(address)) != false && !parts[n].Path.Except.Any(e => e.Contains(address)))];
                Assert.Equal(bySource, RulesOf(v4 ? content.SnatSources4 : content.SnatSources6, content, number));
                Assert.Equal(byDestination, RulesOf(v4 ? content.SnatDestinations4 : content.SnatDestinations6, content, number));
            }
        }
    }

    private static IEnumerable<IPAddress> Ends(DirectorModel model)
    {
        IEnumerable<IPNetwork> prefixes = model.SnatRules.SelectMany(r => r.Sources.Concat(r.Destinations ?? []).Concat(r.Paths.SelectMany(p => p.Except))).Concat(SnatSources.NoHosts).Concat(SnatSources.OwnAddresses(model).Select(a => new IPNetwork(a, a.GetAddressBytes().Length * 8))).Distinct();
        foreach (IPNetwork prefix in prefixes)
        {
            (UInt128 first, UInt128 last) = SnatRange.Of(prefix);
            foreach (UInt128 number in (UInt128[])[first - 1, first, last, last + 1])
            {
                byte[] bytes = new byte[16];
                System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
                yield return new IPAddress(prefix.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? bytes[12..] : bytes);
            }
        }
    }

    private static SnatRule RandomRule(Random random, int number)
    {
        string[] sources = [.. Prefixes(random, v6: false), .. Prefixes(random, v6: true)];
        return Rule($"r{number}", null, sources) with { Destinations = random.Next(2) == 0 ? null : [.. Prefixes(random, v6: false), .. Prefixes(random, v6: true)], Interface = random.Next(2) == 0 ? null : "lan0" };
    }

    /// <summary>A few bits alone differ, so that prefixes are often in each other.</summary>
    private static IEnumerable<string> Prefixes(Random random, bool v6)
    {
        for (int n = random.Next(1, 5); n > 0; n--)
        {
            byte[] address = IPAddress.Parse(v6 ? "fd16::" : "172.16.58.0").GetAddressBytes();
            address[^1] = (byte)random.Next(8);
            address[1] ^= (byte)random.Next(4);
            int length = Math.Max(0, (address.Length * 8) - (random.Next(4) == 0 ? random.Next(address.Length * 8) : random.Next(4)));
            for (int bit = length; bit < address.Length * 8; bit++)
            {
                address[bit / 8] &= (byte)~(0x80 >> (bit % 8));
            }

            string prefix = $"{new IPAddress(address)}/{length}";
            if (!s_own.Contains(prefix))
            {
                yield return prefix;
            }
        }

        yield return v6 ? "fd99::/64" : "10.9.0.0/16";
    }

    private static readonly string[] s_own = ["172.16.58.1/32", "172.16.58.2/32", "fd16::2/128"];

    [Theory]
    [InlineData("gateways", "203.0.113.1", "/gateways/0", "in no connected network")]
    [InlineData("gateways", "192.0.2.1", "/gateways/0", "own address")]
    [InlineData("gateways", "192.0.2.200", "/gateways/0", "source address of the director")]
    [InlineData("gateways", "172.16.58.1", "/gateways/0", "is a VIP")]
    [InlineData("gateways", "192.0.2.0", "/gateways/0", "first or last address of 192.0.2.0/24")]
    [InlineData("gateways", "192.0.2.255", "/gateways/0", "first or last address of 192.0.2.0/24")]
    [InlineData("gateways", "224.0.0.1", "/gateways/0", "not a unicast address")]
    [InlineData("gateways", "255.255.255.255", "/gateways/0", "not a unicast address")]
    [InlineData("gateways", "ff02::1", "/gateways/0", "not a unicast address")]
    [InlineData("gateways", "192.0.2.254 192.0.2.253", "/gateways/1", "second gateway of its family")]
    [InlineData("gateways", "192.0.2.254", "/gateways", "there is no IPv6 gateway")]
    [InlineData("gateways", "", "/gateways", "there is no IPv4 gateway")]
    [InlineData("sources", "10.9.0.0/16", "/gateways", "A gateway is IPv6, and no source is")]
    [InlineData("sources", "10.9.0.0/16 0.0.0.0/8", "/sources/1", "0.0.0.0/8 is in 0.0.0.0/8")]
    [InlineData("sources", "127.1.0.0/16", "/sources/0", "is in 127.0.0.0/8, and no router passes on packets from there")]
    [InlineData("sources", "169.254.7.7", "/sources/0", "is in 169.254.0.0/16")]
    [InlineData("sources", "239.0.0.0/8", "/sources/0", "is in 224.0.0.0/3")]
    [InlineData("sources", "240.0.0.0/4", "/sources/0", "is in 224.0.0.0/3")]
    [InlineData("sources", "::", "/sources/0", "is in ::/128")]
    [InlineData("sources", "::1", "/sources/0", "is in ::1/128")]
    [InlineData("sources", "fe80::/64", "/sources/0", "is in fe80::/10")]
    [InlineData("sources", "ff02::/16", "/sources/0", "is in ff00::/8")]
    [InlineData("sources", "172.16.58.2", "/sources/0", "172.16.58.2 is an own address, a VIP or a source address")]
    [InlineData("sources", "172.16.58.1/32", "/sources/0", "172.16.58.1 is an own address, a VIP or a source address")]
    [InlineData("sources", "fd18::200", "/sources/0", "fd18::200 is an own address, a VIP or a source address")]
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
