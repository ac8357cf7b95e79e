using System.Net;
using Forwarder.Abi;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control.Tests;

/// <summary>What VRRP settings become in the model and in the snapshot.</summary>
public sealed class VrrpModelTests
{
    private static readonly VrrpGroupSettings s_web = new() { Name = "web", Interface = "hb0", Vrid = 51, Addresses = ["172.16.58.1"] };

    private static DesiredState State(params VrrpGroupSettings[] groups) => new()
    {
        Dataplane = new DataplaneSettings { WorkerCpus = [0], Ports = [new PortSettings { Name = "lan0", Device = "net_null0", Exception = "fwd0" }, new PortSettings { Name = "hb0", Device = "net_null1", Exception = "fwd1" }, new PortSettings { Name = "hb1", Device = "net_null2", Exception = "fwd2" }] },
        Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16", "fd16::2/64"] }, new InterfaceSettings { Name = "hb0", Port = "hb0", Addresses = ["10.9.0.2/24", "10.8.0.2/24"] }, new InterfaceSettings { Name = "hb1", Port = "hb1", Vlan = 7 }],
        Vrrp = groups,
    };

    private static VrrpGroupModel Model(VrrpGroupSettings group) => ModelBuilder.Build(State(group), new CheckedServices()).VrrpGroups.Single();

    [Fact]
    public void AdvertisementsGoToAllHeartbeatsAndAddressesAreElsewhere()
    {
        VrrpGroupModel model = Model(s_web with { AddressInterface = "lan0", HeartbeatInterfaces = ["hb1", "lan0"] });
        Assert.Equal([new VrrpLinkKey("fwd1", 0), new VrrpLinkKey("fwd2", 7), new VrrpLinkKey("fwd0", 0)], model.Heartbeats);
        Assert.Equal(new VrrpLinkKey("fwd0", 0), model.Home);
        Assert.Equal(0, model.Port);   // whose link counts
        Assert.Equal("10.9.0.2", model.Config.PrimaryAddress.ToString());
    }

    /// <summary>A heartbeat of its own may be cut while both directors serve the VIPs' network: they must hear each other there.</summary>
    [Fact]
    public void TheInterfaceOfTheAddressesIsAHeartbeatUnlessItMustNotBe()
    {
        Assert.Equal(["fwd1", "fwd0"], Model(s_web with { AddressInterface = "lan0" }).Heartbeats.Select(h => h.Device));
        Assert.Equal(["fwd1"], Model(s_web with { AddressInterface = "lan0", HeartbeatOnAddressInterface = false }).Heartbeats.Select(h => h.Device));
        Assert.Equal(["fwd1"], Model(s_web with { AddressInterface = "lan0", Peers = ["10.9.0.3"] }).Heartbeats.Select(h => h.Device));
        Assert.Equal(["fwd1"], Model(s_web).Heartbeats.Select(h => h.Device));
    }

    /// <summary>VIPs that are not advertised belong to the group all the same, of whichever family.</summary>
    [Fact]
    public void ExcludedAddressesAreTheGroupsAndNotAdvertised()
    {
        DesiredState state = State(s_web with { ExcludedAddresses = ["172.16.58.9", "fd16::9"] });
        VrrpGroupModel model = ModelBuilder.Build(state, new CheckedServices()).VrrpGroups.Single();
        Assert.Equal([VrrpAddress.Parse("172.16.58.1")], model.Config.Addresses);
        SnapshotContent content = new SnapshotCompiler().Compile(ModelBuilder.Build(state, new CheckedServices()));
        Assert.Equal(2, content.LocalAddresses4.Count(a => a.Kind == LocalAddressKind.Vip && a.VrrpGroup != 0));
        Assert.Equal(1, content.LocalAddresses6.Count(a => a.Kind == LocalAddressKind.Vip && a.VrrpGroup != 0));
    }

    /// <summary>They are nobody's network interfaces: the kernel's limit does not bind them.</summary>
    [Fact]
    public void NamesMayBeLong()
    {
        string name = new('n', 63);
        DesiredState state = State(s_web with { Name = name, Track = [new VrrpTrackUse { Name = name }] }, s_web with { Vrid = 52, Addresses = ["172.16.58.9"] }) with
        {
            VrrpTracks = [new VrrpTrackSettings { Name = name, Kind = "workers" }], VrrpSyncGroups = [new VrrpSyncGroupSettings { Name = name, Groups = [name, "web"] }],
        };
        Assert.All(ModelBuilder.Build(state, new CheckedServices()).VrrpGroups, g => Assert.Equal((name, name), (g.SyncGroup!.Name, g.Tracks.Single().Track.Name)));
    }

    [Fact]
    public void TheSourceAddressCanBeChosen()
    {
        Assert.Equal("10.8.0.2", Model(s_web with { SourceAddress = "10.8.0.2" }).Config.PrimaryAddress.ToString());
        Assert.Equal("10.8.0.2", Model(s_web with { SourceAddress = "10.8.0.2", Peers = ["10.8.0.3"] }).Config.PrimaryAddress.ToString());
        Assert.Equal("/vrrp/0/sourceAddress", Assert.Throws<ApiException>(() => Model(s_web with { SourceAddress = "10.9.0.2", Peers = ["10.8.0.3"] })).Pointer);
    }

    [Fact]
    public void AllGroupsHaveSoManyVipsAtMost()
    {
        VrrpGroupSettings[] groups = [.. Enumerable.Range(0, 65).Select(g => s_web with { Name = $"g{g}", Vrid = g + 1, Addresses = [.. Enumerable.Range(1, 255).Select(a => $"172.17.{g}.{a}")] })];
        Assert.Equal(64 * 255, ModelBuilder.Build(State(groups[..64]), new CheckedServices()).VrrpGroups.Sum(g => g.Addresses.Count));
        Assert.Contains("at most 16384", Assert.Throws<ApiException>(() => ModelBuilder.Build(State(groups), new CheckedServices())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OptionsReachTheStateMachine()
    {
        VrrpConfig config = Model(s_web with { Version = 2, LearnInterval = true, AcceptMode = false, CheckAddressList = false }).Config;
        Assert.True(config is { LearnInterval: true, AcceptMode: false, CheckAddressList: false, AlsoVersion2: false });
        Assert.True(Model(s_web with { AlsoVersion2 = true }).Config.AlsoVersion2);
        VrrpConfig plain = Model(s_web).Config;
        Assert.True(plain is { LearnInterval: false, AcceptMode: true, CheckAddressList: true, AlsoVersion2: false });
    }

    /// <summary>The source is the own address in the peers' network: that is the one which they list.</summary>
    [Theory]
    [InlineData("172.16.58.1", "10.8.0.3", "10.8.0.2")]
    [InlineData("172.16.58.1", "10.9.0.3", "10.9.0.2")]
    public void PeersHearTheAddressOfTheirNetwork(string vip, string peer, string source)
    {
        VrrpConfig config = Model(s_web with { Addresses = [vip], Peers = [peer], PeerMinTtl = 64 }).Config;
        Assert.Equal(source, config.PrimaryAddress.ToString());
        Assert.Equal([VrrpAddress.Parse(peer)], config.UnicastPeers);
        Assert.Equal(64, config.MinTtl);
    }

    [Fact]
    public void PeersBehindARouterAreReachedByIt()
    {
        VrrpGroupModel group = Model(s_web with { Peers = ["10.9.0.3", "203.0.113.3", "203.0.113.4"], PeerGateway = "10.9.0.1", PeerMinTtl = 250 });
        Assert.Equal(["10.9.0.3", "10.9.0.1", "10.9.0.1"], group.PeerHops.Select(h => h.Address.ToString()));
        Assert.Equal("10.9.0.2", group.Config.PrimaryAddress.ToString());
    }

    [Theory]
    [InlineData(100, 50, true)]
    [InlineData(100, 255, false)]   // an owner is another kind of router
    [InlineData(255, 254, false)]
    public void AGroupWithAnotherPriorityIsTheSameGroup(int before, int after, bool same) =>
        Assert.Equal(same, Model(s_web with { Priority = before }).Identity == Model(s_web with { Priority = after }).Identity);

    [Fact]
    public void PeersAreNextHopsUntilTheyGo()
    {
        SnapshotCompiler compiler = new();
        CheckedServices known = new();
        VrrpGroupSettings web = s_web with { Peers = ["10.9.0.3", "10.9.0.4"] };
        SnapshotContent content = compiler.Compile(ModelBuilder.Build(State(web), known));
        Assert.True(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.4")), out int slot));
        Assert.Equal((1, 4, 1), (content.NextHops[slot].Interface, content.NextHops[slot].IpVersion, content.NextHops[slot].IsWatched));
        using Region region = Region.CreatePrivate(new RegionLayout(1, 8 << 20));
        Assert.True(new SnapshotPublisher(region).TryPublish(content, out _));
        Assert.True(new SnapshotGate(region).TryAccept(out _));

        compiler.Compile(ModelBuilder.Build(State(web with { Peers = ["10.9.0.4"] }), known));
        Assert.True(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.4")), out int still));
        Assert.Equal(slot, still);
        Assert.False(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.3")), out _));
        compiler.Compile(ModelBuilder.Build(State(s_web), known));
        Assert.False(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.4")), out _));
    }

    /// <summary>A peer may be a real server, too.</summary>
    [Fact]
    public void APeerThatIsARealServerStaysANextHopWithoutEither()
    {
        SnapshotCompiler compiler = new();
        CheckedServices known = new();
        VrrpGroupSettings web = s_web with { Peers = ["10.9.0.3"] };
        VirtualService service = new() { Protocol = "tcp", Address = "172.16.58.1", Port = 80, Servers = [new RealServer { Address = "10.9.0.3" }] };
        compiler.Compile(ModelBuilder.Build(State(web) with { Services = [service] }, known));
        Assert.True(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.3")), out int slot));
        foreach (DesiredState state in new[] { State(web), State(web) with { Services = [service] }, State(s_web) with { Services = [service] } })
        {
            compiler.Compile(ModelBuilder.Build(state, known));
            Assert.True(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.3")), out int still));
            Assert.Equal(slot, still);
        }

        compiler.Compile(ModelBuilder.Build(State(s_web), known));
        Assert.False(compiler.NextHops.TryFind((1, IPAddress.Parse("10.9.0.3")), out _));
    }

    [Theory]
    [InlineData(100, true, 0)]
    [InlineData(100, false, 1)]
    [InlineData(255, false, 0)]     // an owner takes its packets always
    public void TheSnapshotSaysWhereAVipIsAndWhetherItTakesPackets(int priority, bool accept, int acceptsNone)
    {
        SnapshotContent content = new SnapshotCompiler().Compile(ModelBuilder.Build(State(s_web with { AddressInterface = "lan0", AcceptMode = accept, Priority = priority }), new CheckedServices()));
        LocalAddress4Entry vip = content.LocalAddresses4.Single(a => a.Kind == LocalAddressKind.Vip);
        Assert.Equal((0, acceptsNone), (vip.Interface, vip.AcceptsNone));
        content = new SnapshotCompiler().Compile(ModelBuilder.Build(State(s_web), new CheckedServices()));
        Assert.Equal(LocalAddress4Entry.AnyInterface, content.LocalAddresses4.Single(a => a.Kind == LocalAddressKind.Vip).Interface);
    }
}
