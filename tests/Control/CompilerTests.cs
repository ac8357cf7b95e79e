using CsCheck;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>The compiler takes over what has not changed: whatever was compiled before, the snapshot says what the model says.</summary>
public sealed class CompilerTests
{
    private static readonly RegionLayout s_layout = new(1, 8 << 20);

    private static readonly Gen<VirtualService> s_service = Gen.Select(Gen.Int[1, 6], Gen.OneOf(Gen.Const("wlc"), Gen.Const("mh")), Gen.Select(Gen.Int[1, 12], Gen.Int[0, 3]).Array[0, 8]).Select((number, scheduler, servers) => new VirtualService
    {
        Protocol = "tcp", Address = $"172.17.0.{number}", Port = 80, Scheduler = scheduler, MaglevTableSize = 251,
        Servers = [.. servers.DistinctBy(s => s.Item1).Select(s => new RealServer { Address = $"172.16.100.{s.Item1}", Weight = s.Item2, Method = s.Item1 % 3 == 0 ? "tunnel" : "dr" })],
    });

    private static readonly Gen<VirtualService[]> s_services = s_service.Array[0, 6].Select(all => all.DistinctBy(s => s.Address).ToArray());

    /// <summary>A history of states, each with some of the services of the one before as the same objects; sometimes other interfaces.</summary>
    [Fact]
    public void TheSnapshotSaysWhatTheModelSays() => Gen.Select(s_services, Gen.Int[0, 7], Gen.Bool).Array[1, 12].Sample(history =>
    {
        using Region region = Region.CreatePrivate(s_layout);
        SnapshotCompiler compiler = new();
        CheckedServices known = new();
        DesiredState state = States.WithServices();
        Dictionary<ServerKey, (int Slot, byte Incarnation)> before = [];
        foreach ((VirtualService[] next, int kept, bool tagged) in history)
        {
            state = Next(state, next, kept, tagged);
            DirectorModel model = ModelBuilder.Build(state, known);
            SnapshotContent content = compiler.Compile(model);
            AssertSays(model, content, compiler);
            Dictionary<ServerKey, (int Slot, byte Incarnation)> after = SlotsOf(model, content, compiler);
            Assert.All(after.Where(a => before.ContainsKey(a.Key)), a => Assert.Equal(before[a.Key], a.Value));
            Assert.True(new SnapshotPublisher(region).TryPublish(content, out _));   // the verifier agrees
            Assert.True(new SnapshotGate(region).TryAccept(out _));
            foreach (ServerKey key in after.Keys)
            {
                before[key] = after[key];
            }
        }
    }, iter: 100);

    /// <summary>A change that is taken back leaves no trace.</summary>
    [Fact]
    public void CompilingTheOldModelAgainGivesTheOldSnapshot() => Gen.Select(s_services, s_services).Sample((first, second) =>
    {
        SnapshotCompiler compiler = new();
        CheckedServices known = new();
        DirectorModel model = ModelBuilder.Build(States.WithServices() with { Services = first }, known);
        byte[] before = Bytes(compiler.Compile(model));
        compiler.Compile(ModelBuilder.Build(States.WithServices() with { Services = second }, known));
        SnapshotContent again = compiler.Compile(model);
        Assert.Equal(before, Bytes(again));
    }, iter: 100);

    /// <summary>A service's flow settings go before the director's; what it does not say is the director's.</summary>
    [Theory]
    [InlineData(null, null, ServiceFlags.None)]
    [InlineData(false, null, ServiceFlags.SynOnly)]
    [InlineData(false, true, ServiceFlags.None)]
    [InlineData(true, false, ServiceFlags.SynOnly)]
    public void FlowSettingsAreThoseOfTheServiceOrTheDirector(bool? director, bool? service, ServiceFlags expected)
    {
        DesiredState state = States.WithServices(1, 1);
        SnapshotCompiler compiler = new();
        CheckedServices known = new();
        compiler.Compile(ModelBuilder.Build(state, known));
        state = state with { Flows = new FlowSettings { SloppyTcp = director }, Services = [state.Services[0] with { Flows = new FlowSettings { SloppyTcp = service } }, state.Services[1]] };
        SnapshotContent content = compiler.Compile(ModelBuilder.Build(state, known));
        Assert.Equal([expected, director == false ? ServiceFlags.SynOnly : ServiceFlags.None], content.Services.Skip(1).Select(s => s.Flags & ~ServiceFlags.RejectNoServer));
    }

    /// <summary>SCTP has a setting, tables of states and time-outs of its own; TCP's are not its.</summary>
    [Theory]
    [InlineData("dr", 3)]
    [InlineData("nat", 4)]
    public void AnSctpServiceIsCompiled(string method, byte stateTable)
    {
        DesiredState state = States.WithServices(1, 1);
        VirtualService sctp = state.Services[0] with { Protocol = "sctp", Servers = [state.Services[0].Servers[0] with { Method = method }], Timeouts = new ServiceTimeouts { SctpInit1S = 9, SctpClosedS = 7 } };
        state = state with { Flows = new FlowSettings { SloppyTcp = true, SloppySctp = false }, Services = [sctp, state.Services[1]] };
        SnapshotContent content = new SnapshotCompiler().Compile(ModelBuilder.Build(state, new CheckedServices()));
        ServiceEntry service = content.Services.Single(s => s.Protocol == 132);
        Assert.Equal(ServiceFlags.SynOnly, service.Flags & ServiceFlags.SynOnly);
        Assert.Equal(ServiceFlags.None, content.Services.Single(s => s.Protocol == 6).Flags & ServiceFlags.SynOnly);
        Assert.Equal(FlowTimeouts.Default with { SctpInit1Ms = 9_000, SctpClosedMs = 7_000 }, content.Timeouts[service.Timeouts]);
        Assert.Equal(stateTable, content.Servers[(int)content.Members[(int)service.MembersFirst]].StateTable);
        Assert.Equal("sctp:" + new System.Net.IPEndPoint(System.Net.IPAddress.Parse(sctp.Address), sctp.Port), ModelBuilder.Build(state, new CheckedServices()).Services[0].Key.ToString());
    }

    /// <summary>Who is not served is told, unless asked for silence; of a port without service the director's setting says so.</summary>
    [Theory]
    [InlineData(null, null, true, true)]
    [InlineData(true, false, false, true)]
    [InlineData(false, null, false, false)]
    [InlineData(false, true, true, false)]
    public void WhetherWhoIsNotServedIsToldIsCompiled(bool? director, bool? service, bool ofService, bool ofDirector)
    {
        DesiredState state = States.WithServices(1, 1);
        state = state with { Flows = new FlowSettings { Reject = director }, Services = [state.Services[0] with { Flows = new FlowSettings { Reject = service } }, state.Services[1]] };
        SnapshotContent content = new SnapshotCompiler().Compile(ModelBuilder.Build(state, new CheckedServices()));
        Assert.Equal([ofService, ofDirector], content.Services.Skip(1).Select(s => (s.Flags & ServiceFlags.RejectNoServer) != 0));
        Assert.Equal(ofDirector, content.RejectsNoService);
    }

    [Fact]
    public void WhatBecomesOfFlowsWithoutAServerIsCompiled()
    {
        DesiredState state = States.WithServices(2, 2);
        VirtualService drained = state.Services[1] with { Servers = [state.Services[1].Servers[0] with { Weight = 0 }, state.Services[1].Servers[1]] };
        state = state with { Services = [state.Services[0] with { Flows = new FlowSettings { ExpireNoDestination = false } }, drained] };
        Assert.Equal([ServerEntry.InUse, ServerEntry.InUse], Valid(state));
        Assert.Equal([ServerEntry.Quiescent, ServerEntry.InUse], Valid(state with { Flows = new FlowSettings { ExpireQuiescent = true } }));

        static byte[] Valid(DesiredState state)
        {
            SnapshotContent content = new SnapshotCompiler().Compile(ModelBuilder.Build(state, new CheckedServices()));
            Assert.Equal([ServiceFlags.KeepNoDestination, ServiceFlags.None], content.Services.Skip(1).Select(s => s.Flags & ~ServiceFlags.RejectNoServer));
            return [.. content.Services.Skip(2).SelectMany(s => content.Members.GetRange((int)s.MembersFirst, (int)s.MembersCount)).Select(m => content.Servers[(int)m].Valid)];
        }
    }

    /// <summary>A service's time-outs go before the director's; equal ones are one set, and all of its servers have its number.</summary>
    [Fact]
    public void TimeoutsAreThoseOfTheServiceOrTheDirector()
    {
        DesiredState state = States.WithServices(2, 2, 2, 2);
        ServiceTimeouts own = new() { TcpEstablishedS = 60, TcpTimeWaitS = 5 };
        state = state with
        {
            Timeouts = new TimeoutSettings { UdpS = 17 },
            Services = [state.Services[0], state.Services[1] with { Timeouts = own }, state.Services[2] with { Timeouts = own with { UdpS = 17 } }, state.Services[3] with { Timeouts = new ServiceTimeouts { UdpS = 18 } }],
        };
        SnapshotCompiler compiler = new();
        DirectorModel model = ModelBuilder.Build(state, new CheckedServices());
        SnapshotContent content = compiler.Compile(model);
        FlowTimeouts director = FlowTimeouts.Default with { UdpMs = 17_000 };
        FlowTimeouts[] expected = [director, director with { TcpEstablishedMs = 60_000, TcpTimeWaitMs = 5_000 }, director with { TcpEstablishedMs = 60_000, TcpTimeWaitMs = 5_000 }, director with { UdpMs = 18_000 }];
        Assert.Equal(3, content.Timeouts.Count);
        Assert.Equal(expected, model.Services.Select(s => compiler.Services.TryFind(s.Key, out int slot) ? content.Timeouts[content.Services[slot].Timeouts] : default));
        Assert.All(content.Servers.Where(s => s.Valid != 0), s => Assert.Equal(content.Services[s.Service].Timeouts, s.Timeouts));
    }

    [Fact]
    public void ThereAreNotMoreSetsOfTimeoutsThanTheDataplaneHasRoomFor()
    {
        DesiredState state = States.WithServices(new int[Limits.FlowTimeoutsMax]);
        VirtualService[] services = [.. state.Services.Select((s, i) => s with { Timeouts = new ServiceTimeouts { UdpS = 1_000 + i } })];
        ApiException e = Assert.Throws<ApiException>(() => ModelBuilder.Build(state with { Services = services }, new CheckedServices()));
        Assert.Contains("256 different sets", e.Message, StringComparison.Ordinal);
        new SnapshotCompiler().Compile(ModelBuilder.Build(state with { Services = services[1..] }, new CheckedServices()));
    }

    [Fact]
    public void PortsLearnWhatVrrpNeeds()
    {
        DesiredState state = States.WithServices();
        state = state with
        {
            Dataplane = state.Dataplane with { Ports = [state.Dataplane.Ports[0] with { Exception = "fwd0" }] },
            Vrrp =
            [
                new VrrpGroupSettings { Name = "a", Interface = "lan0", Vrid = 51, Addresses = ["172.17.0.1"], VirtualMac = true },
                new VrrpGroupSettings { Name = "b", Interface = "lan0", Vrid = 52, Addresses = ["172.17.0.2"] },
                new VrrpGroupSettings { Name = "c", Interface = "lan0", Vrid = 51, Addresses = ["fd17::1"], VirtualMac = true },
            ],
        };
        SnapshotCompiler compiler = new();
        DirectorModel model = ModelBuilder.Build(state, new CheckedServices());
        SnapshotContent content = compiler.Compile(model);
        Assert.Equal(InterfaceEntry.Vrrp4 | InterfaceEntry.Vrrp6, content.Interfaces[model.VrrpGroups[0].Key.Interface].VrrpFamilies);
        Assert.True(compiler.VrrpGroups.TryFind(model.VrrpGroups[0].Identity, out int a));
        Assert.True(compiler.VrrpGroups.TryFind(model.VrrpGroups[2].Identity, out int c));
        Assert.NotEqual(a, c);
        Assert.Equal([(0x3301_005E_0000UL, (uint)a), (0x3302_005E_0000UL, (uint)c)], content.VirtualMacs.Select(m => (m.Mac, m.VrrpGroup)));

        content = compiler.Compile(ModelBuilder.Build(state with { Vrrp = [] }, new CheckedServices()));
        Assert.Empty(content.VirtualMacs);
        Assert.All(content.Interfaces, i => Assert.Equal(0, i.VrrpFamilies));
    }

    /// <summary>A group's number is its lease's: nobody may come to a lease that another one holds.</summary>
    [Fact]
    public void AGroupThatIsChangedGetsAnotherNumberAndTheOthersKeepTheirs()
    {
        DesiredState state = States.WithServices();
        state = state with { Dataplane = state.Dataplane with { Ports = [state.Dataplane.Ports[0] with { Exception = "fwd0" }] } };
        VrrpGroupSettings a = new() { Name = "a", Interface = "lan0", Vrid = 51, Addresses = ["172.17.0.1"] }, b = new() { Name = "b", Interface = "lan0", Vrid = 52, Addresses = ["172.17.0.2"] };
        SnapshotCompiler compiler = new();
        int[] before = Numbers(a, b);
        Assert.Equal(before, Numbers(b, a));
        Assert.Equal(before, Numbers(a with { Track = [new VrrpTrackUse { Name = "up" }] }, b));     // may change while it runs
        int[] moved = Numbers(a with { Addresses = ["172.17.0.3"] }, b with { Addresses = ["172.17.0.2", "172.17.0.1"] });
        Assert.Empty(moved.Intersect(before));
        Assert.Equal([before[1]], Numbers(b));

        int[] Numbers(params VrrpGroupSettings[] groups)
        {
            VrrpTrackSettings up = new() { Name = "up", Kind = "workers" };
            SnapshotContent content = compiler.Compile(ModelBuilder.Build(state with { Vrrp = groups, VrrpTracks = [up] }, new CheckedServices()));
            return [.. content.LocalAddresses4.Where(l => l.VrrpGroup != 0).Select(l => (int)l.VrrpGroup).Distinct().Order()];
        }
    }

    [Fact]
    public void KindsOfTunnelsAreCompiledWithWhatTheyTakeOfTheMtu()
    {
        DesiredState state = States.WithServices(1);
        VirtualService service = state.Services[0];
        string rip = service.Servers[0].Address;
        SnapshotCompiler compiler = new();
        foreach ((TunnelSettings? settings, Encapsulation encapsulation, ushort port, byte checksum, int bytes) in ((TunnelSettings?, Encapsulation, ushort, byte, int)[])
        [
            (null, Encapsulation.Ipip, 0, 0, 20), (new TunnelSettings { Type = "gue", Port = 6080 }, Encapsulation.Gue, 0xC017, 0, 32), (new TunnelSettings { Type = "gue", Port = 6080, Checksum = true }, Encapsulation.Gue, 0xC017, 1, 32),
            (new TunnelSettings { Type = "gre" }, Encapsulation.Gre, 0, 0, 24), (new TunnelSettings { Type = "gre", Checksum = true }, Encapsulation.Gre, 0, 1, 28),
        ])
        {
            VirtualService next = service with { Servers = [new RealServer { Address = rip, Method = "tunnel", Tunnel = settings }] };
            SnapshotContent content = compiler.Compile(ModelBuilder.Build(state with { Services = [next] }, new CheckedServices()));
            ServerEntry server = content.Servers.Single(s => s.Valid != 0);
            TargetEntry target = content.Targets[(int)server.Target];
            Assert.Equal((encapsulation, port, checksum, 1_500 - bytes), (target.Encapsulation, target.Port, target.Checksum, server.MtuBytes));
            Assert.Equal(SnapshotFault.None, SnapshotVerifier.Verify(Bytes(content), 1, out _));
        }
    }

    [Fact]
    public void AChangeOfTheMethodTakesTheKindOfTunnelAlong()
    {
        RealServer server = new() { Address = "172.16.58.7", Method = "tunnel", Tunnel = new TunnelSettings { Type = "gre" } };
        Assert.Equal("gre", Edits.Changed(server, new RealServerChange { Weight = 5 }).Tunnel?.Type);
        Assert.Equal("gue", Edits.Changed(server, new RealServerChange { Tunnel = new TunnelSettings { Type = "gue" } }).Tunnel?.Type);
        Assert.Null(Edits.Changed(server, new RealServerChange { Method = "dr" }).Tunnel);
        Assert.Equal("gre", Edits.Changed(server, new RealServerChange { Method = "tunnel" }).Tunnel?.Type);
    }

    private static DesiredState Next(DesiredState state, VirtualService[] next, int kept, bool tagged)
    {
        VirtualService[] stay = [.. state.Services.Where((_, i) => (kept >> (i % 3) & 1) != 0)];
        VirtualService[] services = [.. stay, .. next.Where(n => stay.All(s => s.Address != n.Address))];
        return tagged
            ? state with { Services = services, Interfaces = [state.Interfaces[0] with { Vlan = state.Interfaces[0].Vlan == null ? 7 : null }] }
            : state with { Services = services };
    }

    private static void AssertSays(DirectorModel model, SnapshotContent content, SnapshotCompiler compiler)
    {
        Assert.Equal(model.Services.Count, content.Services.Count(s => s.Valid != 0));
        Assert.Equal(model.Services.Sum(s => s.Servers.Count), content.Servers.Count(s => s.Valid != 0));
        Assert.Equal(model.Services.SelectMany(s => s.Servers).Select(s => s.Address).Distinct().Count(), content.NextHops.Count(h => h.IpVersion != 0));
        Assert.Equal((model.Services.Count, model.Services.Sum(s => s.Servers.Count)), (compiler.Services.Used.Length, compiler.Servers.Used.Length));
        foreach (ServiceModel service in model.Services)
        {
            Assert.True(compiler.Services.TryFind(service.Key, out int slot));
            ServiceEntry entry = content.Services[slot];
            Assert.Equal((service.Scheduler, SnapshotCompiler.Words(service.Key.Address).High), (entry.Scheduler, entry.VipHigh));
            List<uint> members = content.Members.GetRange((int)entry.MembersFirst, (int)entry.MembersCount);
            Assert.Equal(
                service.Servers.Select(s => (SnapshotCompiler.Words(s.Address).High, s.Weight, (int)model.Interfaces[s.Interface].Vlan, slot, s.Method, s.Method == ForwardingMethod.Tunnel ? SnapshotCompiler.Words(s.Address).High : 0)),
                members.Select(m => content.Servers[(int)m]).Select(s => (content.NextHops[(int)s.NextHop].High, (int)s.Weight, (int)s.Vlan, (int)s.Service, s.Method, content.Targets[(int)s.Target].AddressHigh)));
            Assert.Equal(service.Servers.Any(s => s.Weight > 0), content.MaglevTables.ContainsKey(slot));
            ushort[] expected = new TableKey(service).Build();
            Assert.Equal(expected, content.MaglevTables.GetValueOrDefault(slot, []));
        }
    }

    private static Dictionary<ServerKey, (int Slot, byte Incarnation)> SlotsOf(DirectorModel model, SnapshotContent content, SnapshotCompiler compiler) =>
        model.Services.SelectMany(s => s.Servers, (s, r) => r.KeyIn(s.Key)).ToDictionary(k => k, k =>
        {
            Assert.True(compiler.Servers.TryFind(k, out int slot));
            return (slot, content.Servers[slot].Incarnation);
        });

    private static byte[] Bytes(SnapshotContent content)
    {
        byte[] bytes = new byte[SnapshotWriter.MeasureBytes(content)];
        SnapshotWriter.Write(content, 1, bytes);
        return bytes;
    }
}
