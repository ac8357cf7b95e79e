using System.Runtime.InteropServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class PipelineTests : IDisposable
{
    private const string Vip = "172.16.58.1", Vip6 = "fd20::100";
    private readonly EngineRig _rig = new(1024, 0x010000000002);
    private readonly ContentBuilder _content = new();

    public void Dispose() => _rig.Dispose();

    private void Publish()
    {
        _rig.Publish(_content.Content);
        _rig.ResolveAll(_content.Content);
    }

    private int TwoServers(Scheduler scheduler = Scheduler.Maglev, int weight1 = 2, int weight2 = 1, ushort vlan = 0)
    {
        ushort lan = _content.Interface(0, vlan, "172.16.58.2");
        int service = _content.Service(Vip, 80, Wire.Tcp, scheduler, 251, (lan, "172.16.58.7", weight1), (lan, "172.16.58.8", weight2));
        Publish();
        return service;
    }

    private Verdict RunOne(byte[] frame)
    {
        _rig.Run(0, frame);
        return _rig.Burst->VerdictOf(0);
    }

    [Fact]
    public void DirectRoutingChangesOnlyTheMacAddresses()
    {
        TwoServers();
        byte[] sent = Frames.L4("172.16.0.9", 40000, Vip, 80, tcpFlags: Wire.Syn);
        Assert.Equal(Verdict.Forward, RunOne(sent));
        ReadOnlySpan<byte> forwarded = _rig.Frame(0);
        Assert.Equal(sent[12..], forwarded[12..].ToArray());
        uint server = _rig.Burst->Server[0];
        int hop = (int)_rig.State->View.Servers[server].NextHop;
        Assert.Equal(EngineRig.MacOfNextHop(hop), BitConverter.ToUInt64(forwarded) & Wire.MacMask);
        Assert.Equal(0x010000000002UL, BitConverter.ToUInt64(forwarded[6..]) & Wire.MacMask);
        Assert.Equal(0, _rig.Burst->Egress[0]);
    }

    [Fact]
    public void AFlowKeepsItsServerWhenTheSetChanges()
    {
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        _content.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1));
        Publish();
        for (int port = 1; port <= 200; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80));
        }

        ContentBuilder wider = new();
        wider.Interface(0, 0, "172.16.58.2");
        wider.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1), (lan, "172.16.58.8", 1));
        _rig.Publish(wider.Content);
        _rig.ResolveAll(wider.Content);
        HashSet<uint> fresh = [];
        for (int port = 1; port <= 400; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: port <= 200 ? Wire.Ack : Wire.Syn));
            if (port <= 200)
            {
                Assert.Equal(1u, _rig.Burst->Server[0]);
            }
            else
            {
                fresh.Add(_rig.Burst->Server[0]);
            }
        }

        Assert.Equal(2, fresh.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OnlyASynOpensAFlowWhereThatIsAskedFor(bool v6)
    {
        string vip = v6 ? Vip6 : Vip, client = v6 ? "fd20::9" : "172.16.0.9";
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        int service = _content.Service(vip, 80, Wire.Tcp, Scheduler.Wlc, 251, (lan, v6 ? "fd20::7" : "172.16.58.7", 1));
        CollectionsMarshal.AsSpan(_content.Content.Services)[service].Flags = ServiceFlags.SynOnly;
        Publish();
        foreach (byte flags in (byte[])[Wire.Ack, Wire.Fin | Wire.Ack, Wire.Rst, Wire.Rst | Wire.Syn, 0])
        {
            Assert.Equal(Verdict.Drop, RunOne(Frames.L4(client, 1000, vip, 80, tcpFlags: flags)));
            Assert.Equal(DropReason.NotSyn, (DropReason)_rig.Burst->Reason[0]);
        }

        Assert.Equal((0u, 0UL), (_rig.State->Flows4.Count + _rig.State->Flows6.Count, _rig.Counters.FlowsCreated));
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4(client, 1000, vip, 80, tcpFlags: Wire.Syn)));
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4(client, 1000, vip, 80, tcpFlags: Wire.Ack)));
        Assert.Equal((1UL, 0UL), (_rig.Counters.FlowsCreated, _rig.Counters.FlowsMidstream));
    }

    /// <summary>A full table knows nothing of flows, so it cannot tell: what it had no room for goes on by the Maglev table.</summary>
    [Fact]
    public void WithoutRoomASynIsNotAskedFor()
    {
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        int service = _content.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1));
        CollectionsMarshal.AsSpan(_content.Content.Services)[service].Flags = ServiceFlags.SynOnly;
        Publish();
        int port = 1;
        for (; _rig.Counters.FlowTableFull == 0; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
        }

        Assert.Equal(Verdict.Forward, RunOne(Frames.L4("172.16.0.9", port - 1, Vip, 80, tcpFlags: Wire.Ack)));
    }

    [Fact]
    public void AFlowOfARemovedServerIsScheduledAnew()
    {
        TwoServers();
        int port = 1;
        for (; ; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
            if (_rig.Burst->Server[0] == 2)
            {
                break;
            }
        }

        ContentBuilder without = new();
        ushort lan = without.Interface(0, 0, "172.16.58.2");
        without.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1));
        _rig.Publish(without.Content);
        _rig.ResolveAll(without.Content);
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4("172.16.0.9", port, Vip, 80)));
        Assert.Equal(1u, _rig.Burst->Server[0]);
        Assert.Equal(1UL, _rig.Counters.FlowsRescheduled);
    }

    /// <summary>IPVS's expire_nodest_conn=0: silence until the time-out, which is not moved; the server may come back.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFlowOfARemovedServerIsKeptWhereThatIsAskedFor(bool v6)
    {
        string vip = v6 ? Vip6 : Vip, client = v6 ? "fd20::9" : "172.16.0.9";
        SnapshotContent with = Services(true), without = Services(false);
        Use(with);
        RunOne(Frames.L4(client, 1, vip, 80, tcpFlags: Wire.Syn));
        RunOne(Frames.L4(client, 2, vip, 80, tcpFlags: Wire.Syn));
        RunOne(Frames.L4(client, 2, vip, 80, tcpFlags: Wire.Rst));
        uint deadlineMs = _rig.State->NowMs + 60_000;   // SYN_RECV
        Use(without);
        _rig.State->NowMs += 30_000;
        foreach (byte flags in (byte[])[Wire.Ack, Wire.Syn, Wire.Fin])
        {
            Assert.Equal(Verdict.Drop, RunOne(Frames.L4(client, 1, vip, 80, tcpFlags: flags)));
            Assert.Equal(DropReason.NoDestination, (DropReason)_rig.Burst->Reason[0]);
        }

        Use(with);
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4(client, 1, vip, 80, tcpFlags: Wire.Syn)));
        Assert.Equal((1u, 2UL), (_rig.Burst->Server[0], _rig.Counters.FlowsCreated));
        deadlineMs += 30_000;
        Use(without);
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4(client, 2, vip, 80, tcpFlags: Wire.Syn)));   // a closed flow's port
        _rig.State->NowMs = deadlineMs - 1_000;
        Assert.Equal(Verdict.Drop, RunOne(Frames.L4(client, 1, vip, 80)));
        _rig.State->NowMs = deadlineMs + 1_000;
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4(client, 1, vip, 80)));
        Assert.Equal((2u, 4UL), (_rig.Burst->Server[0], _rig.Counters.FlowsCreated));

        SnapshotContent Services(bool both)
        {
            ContentBuilder content = new();
            ushort lan = content.Interface(0, 0, "172.16.58.2");
            int service = content.Service(vip, 80, Wire.Tcp, Scheduler.Wlc, 251, (lan, v6 ? "fd20::7" : "172.16.58.7", both ? 1 : 0), (lan, v6 ? "fd20::8" : "172.16.58.8", both ? 0 : 1));
            CollectionsMarshal.AsSpan(content.Content.Services)[service].Flags = ServiceFlags.KeepNoDestination;
            if (!both)
            {
                content.Content.Servers[1] = default;
                content.Content.Services[service] = content.Content.Services[service] with { MembersFirst = 1, MembersCount = 1 };
                content.Content.MaglevTables[service] = new ushort[251];
            }

            return content.Content;
        }

        void Use(SnapshotContent content)
        {
            _rig.Publish(content);
            _rig.ResolveAll(content);
        }
    }

    [Fact]
    public void FlowsOfAQuiescentServerEndWhereThatIsAskedFor()
    {
        TwoServers(Scheduler.Wlc, 1, 0);
        RunOne(Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Syn));
        Assert.Equal(1u, _rig.Burst->Server[0]);
        ContentBuilder quiesced = new();
        ushort lan = quiesced.Interface(0, 0, "172.16.58.2");
        quiesced.Service(Vip, 80, Wire.Tcp, Scheduler.Wlc, 251, (lan, "172.16.58.7", 0), (lan, "172.16.58.8", 1));
        CollectionsMarshal.AsSpan(quiesced.Content.Servers)[1].Valid = ServerEntry.Quiescent;
        _rig.Publish(quiesced.Content);
        _rig.ResolveAll(quiesced.Content);
        Assert.Equal(Verdict.Forward, RunOne(Frames.L4("172.16.0.9", 1, Vip, 80)));
        Assert.Equal((2u, 1UL, 0UL), (_rig.Burst->Server[0], _rig.Counters.FlowsRescheduled, _rig.Counters.FlowsReused));
        Assert.Equal((0u, 1u), (_rig.State->Servers[1].ActiveConnections, _rig.State->Servers[2].ActiveConnections));
    }

    [Fact]
    public void ASlotUsedByAnotherServerDoesNotInheritFlows()
    {
        TwoServers();
        int port = 1;
        for (; _rig.Burst->Server[0] != 2; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
        }

        uint before = _rig.State->Servers[2].ActiveConnections;
        ServerEntry entry = _content.Content.Servers[2];
        entry.Incarnation++;
        _content.Content.Servers[2] = entry;
        Publish();
        RunOne(Frames.L4("172.16.0.9", port - 1, Vip, 80));
        Assert.Equal(1UL, _rig.Counters.FlowsRescheduled);
        Assert.True(before > 0);
        Assert.Equal(FlowCounts.Load(_rig.State->Servers + 2, entry.Incarnation), _rig.Burst->Server[0] == 2 ? 256UL : 0UL);
    }

    [Fact]
    public void WlcFollowsTheWeights()
    {
        TwoServers(Scheduler.Wlc);
        for (int port = 1; port <= 300; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80));
        }

        Assert.Equal(200u, _rig.State->Servers[1].ActiveConnections);
        Assert.Equal(100u, _rig.State->Servers[2].ActiveConnections);
        Assert.Equal(0u, _rig.State->Servers[1].InactiveConnections + _rig.State->Servers[2].InactiveConnections);
    }

    [Fact]
    public void WeightZeroTakesNoNewFlowsButKeepsItsOwn()
    {
        TwoServers();
        int port = 1;
        for (; _rig.Burst->Server[0] != 2; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
        }

        int kept = port - 1;
        ContentBuilder quiesced = new();
        ushort lan = quiesced.Interface(0, 0, "172.16.58.2");
        quiesced.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1), (lan, "172.16.58.8", 0));
        _rig.Publish(quiesced.Content);
        RunOne(Frames.L4("172.16.0.9", kept, Vip, 80));
        Assert.Equal(2u, _rig.Burst->Server[0]);
        for (port = 10_000; port < 10_200; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
            Assert.Equal(1u, _rig.Burst->Server[0]);
        }
    }

    [Theory]
    [InlineData(Scheduler.Maglev, false)]
    [InlineData(Scheduler.Wlc, false)]
    [InlineData(Scheduler.Maglev, true)]
    [InlineData(Scheduler.Wlc, true)]
    public void WithoutAServerThePacketIsDroppedAndNoFlowIsKept(Scheduler scheduler, bool isTold)
    {
        int service = TwoServers(scheduler, 0, 0);
        CollectionsMarshal.AsSpan(_content.Content.Services)[service].Flags = isTold ? ServiceFlags.RejectNoServer : ServiceFlags.None;
        Publish();
        byte[] sent = Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Syn);
        Assert.Equal(isTold ? Verdict.Refuse : Verdict.Drop, RunOne(sent));
        Assert.Equal((byte)DropReason.NoServer, _rig.Burst->Reason[0]);
        Assert.Equal(0u, _rig.State->Flows4.Count);
        Assert.Equal(sent, _rig.Frame(0).ToArray());
    }

    /// <summary>A port of a VIP that has no service; with a lease only while it lasts, or two directors would answer.</summary>
    [Theory]
    [InlineData(Vip, false, true, Verdict.Drop, DropReason.NoService)]
    [InlineData(Vip, true, true, Verdict.Refuse, DropReason.NoService)]
    [InlineData(Vip, true, false, Verdict.Drop, DropReason.VipNotOwned)]
    [InlineData(Vip6, false, true, Verdict.Drop, DropReason.NoService)]
    [InlineData(Vip6, true, true, Verdict.Refuse, DropReason.NoService)]
    [InlineData(Vip6, true, false, Verdict.Drop, DropReason.VipNotOwned)]
    public void WithoutAServiceTheOwnerRefuses(string vip, bool isTold, bool owns, Verdict verdict, DropReason reason)
    {
        string client = vip == Vip6 ? "fd20::9" : "172.16.0.9", server = vip == Vip6 ? "fd20::7" : "172.16.58.7";
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        _content.Service(vip, 80, Wire.Tcp, servers: [(lan, server, 1)]);
        _content.Nat(1, 8080).Govern(1);
        _content.Content.RejectsNoService = isTold;
        Publish();
        _rig.Region.Leases[1] = owns ? ulong.MaxValue : 0;
        byte[][] frames =
        [
            Frames.L4(client, 1, vip, 81, tcpFlags: Wire.Syn), Frames.L4(client, 1, vip, 80, Wire.Udp),
            Frames.L4(server, 8080, vip, 81), // might be a reply of the server, but is not
        ];
        _rig.Run(0, frames);
        for (int i = 0; i < frames.Length; i++)
        {
            Assert.Equal((verdict, reason), (_rig.Burst->VerdictOf(i), (DropReason)_rig.Burst->Reason[i]));
            Assert.Equal(0u, verdict == Verdict.Refuse ? _rig.Burst->NextHop[i] : 0);
            Assert.Equal(frames[i], _rig.Frame(i).ToArray());
        }
    }

    [Fact]
    public void AnUnresolvedNeighbourMakesThePacketWait()
    {
        TwoServers();
        _rig.Region.Neighbours.Clear();
        Assert.Equal(Verdict.Wait, RunOne(Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Syn)));
        Assert.Equal(_rig.State->View.Servers[_rig.Burst->Server[0]].NextHop, _rig.Burst->NextHop[0]);
    }

    [Theory]
    [InlineData(0, 20, 4)]
    [InlineData(10, 0, -4)]
    [InlineData(10, 20, 0)]
    [InlineData(10, 10, 0)]
    public void VlanTagsBecomeThoseOfTheServersInterface(int from, int to, int grows)
    {
        TwoServers(vlan: (ushort)to);
        byte[] sent = Frames.L4("172.16.0.9", 1, Vip, 80, vlan: from);
        Assert.Equal(Verdict.Forward, RunOne(sent));
        ReadOnlySpan<byte> forwarded = _rig.Frame(0);
        Assert.Equal(sent.Length + grows, forwarded.Length);
        byte[] expected = Frames.L4("172.16.0.9", 1, Vip, 80, vlan: to);
        Assert.Equal(expected[12..], forwarded[12..].ToArray());
        Assert.Equal(grows != 0 ? 1u : 0u, _rig.Burst->Moved);
    }

    [Theory]
    [InlineData(Wire.Tcp)]
    [InlineData(Wire.Udp)]
    public void Ipv6FlowsAreForwardedAndKept(byte protocol)
    {
        ushort lan = _content.Interface(0, 0, "fd20::11");
        _content.Service(Vip6, 80, protocol, Scheduler.Wlc, 251, (lan, "fd20::101", 1), (lan, "fd20::102", 1));
        Publish();
        uint[] servers = new uint[64];
        for (int port = 0; port < 64; port++)
        {
            Assert.Equal(Verdict.Forward, RunOne(Frames.L4("fd30::2", port, Vip6, 80, protocol, Wire.Syn)));
            servers[port] = _rig.Burst->Server[0];
        }

        for (int port = 0; port < 64; port++)
        {
            RunOne(Frames.L4("fd30::2", port, Vip6, 80, protocol, Wire.Ack));
            Assert.Equal(servers[port], _rig.Burst->Server[0]);
        }

        Assert.Equal(64UL, _rig.Counters.FlowsCreated);
        Assert.Equal(64UL, _rig.Counters.FlowHits);
        Assert.Equal(32, servers.Count(s => s == 1));
    }

    [Fact]
    public void ANewFlowTwiceInOneBurstIsOneFlow()
    {
        TwoServers(Scheduler.Wlc);
        byte[] frame = Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Syn);
        _rig.Run(0, frame, frame, frame);
        Assert.Equal(_rig.Burst->Server[0], _rig.Burst->Server[2]);
        Assert.Equal(1UL, _rig.Counters.FlowsCreated);
        Assert.Equal(2UL, _rig.Counters.FlowHits);
    }

    [Fact]
    public void AFullTableForwardsStatelesslyToTheSameServer()
    {
        using EngineRig small = new(4, 0x010000000002);
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        _content.Service(Vip, 80, Wire.Tcp, Scheduler.Maglev, 251, (lan, "172.16.58.7", 1), (lan, "172.16.58.8", 1));
        small.Publish(_content.Content);
        small.ResolveAll(_content.Content);
        uint[] first = new uint[100];
        for (int port = 0; port < 100; port++)
        {
            small.Run(0, Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
            Assert.Equal(Verdict.Forward, small.Burst->VerdictOf(0));
            first[port] = small.Burst->Server[0];
        }

        Assert.Equal(small.State->Flows4.BucketCount * FlowTable4.Ways, small.State->Flows4.Count);
        Assert.Equal(100UL - small.State->Flows4.Count, small.Counters.FlowTableFull);
        for (int port = 0; port < 100; port++)
        {
            small.Run(0, Frames.L4("172.16.0.9", port, Vip, 80));
            Assert.Equal(first[port], small.Burst->Server[0]);
        }
    }

    [Fact]
    public void FlowsExpireByTheirStateAndTheCountsFollow()
    {
        TwoServers(Scheduler.Wlc);
        for (int port = 1; port <= 90; port++)
        {
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Syn));
            RunOne(Frames.L4("172.16.0.9", port, Vip, 80));
            if (port > 30)
            {
                RunOne(Frames.L4("172.16.0.9", port, Vip, 80, tcpFlags: Wire.Fin | Wire.Ack));
            }
        }

        uint Active() => _rig.State->Servers[1].ActiveConnections + _rig.State->Servers[2].ActiveConnections;
        uint Inactive() => _rig.State->Servers[1].InactiveConnections + _rig.State->Servers[2].InactiveConnections;
        Assert.Equal((30u, 60u), (Active(), Inactive()));
        Advance(119);
        Assert.Equal((30u, 60u), (Active(), Inactive()));
        Advance(3);
        Assert.Equal((30u, 0u), (Active(), Inactive()));
        Advance(900);
        Assert.Equal((0u, 0u), (Active(), Inactive()));
        Assert.Equal(0u, _rig.State->Flows4.Count);
        Assert.Equal(90UL, _rig.Counters.FlowsExpired);
    }

    /// <summary>Services and their servers have the time-outs of their set; a new snapshot gives others to flows that go on.</summary>
    [Fact]
    public void EachServiceHasItsTimeouts()
    {
        ushort lan = _content.Interface(0, 0, "172.16.58.2");
        _content.Service(Vip, 80, Wire.Tcp, Scheduler.Wlc, 251, (lan, "172.16.58.7", 1));
        int other = _content.Service(Vip, 81, Wire.Tcp, Scheduler.Wlc, 251, (lan, "172.16.58.7", 1));
        FlowTimeouts set = FlowTimeouts.Default;
        (set.TcpSynReceivedMs, set.TcpEstablishedMs) = (5_000, 7_000);
        _content.Content.Timeouts.Add(set);
        CollectionsMarshal.AsSpan(_content.Content.Services)[other].Timeouts = 1;
        CollectionsMarshal.AsSpan(_content.Content.Servers)[2].Timeouts = 1;
        Publish();
        Assert.Equal([60_000u, 900_000u, 5_000u, 7_000u], [Remaining(80, Wire.Syn), Remaining(80, Wire.Ack), Remaining(81, Wire.Syn), Remaining(81, Wire.Ack)]);
        CollectionsMarshal.AsSpan(_content.Content.Timeouts)[1].TcpEstablishedMs = 9_000;
        Publish();
        Assert.Equal([900_000u, 9_000u], [Remaining(80, Wire.Ack), Remaining(81, Wire.Ack)]);

        uint Remaining(int port, byte flags)
        {
            RunOne(Frames.L4("172.16.0.9", 5, Vip, port, tcpFlags: flags));
            uint ms = FlowValue.RemainingMs(*(ulong*)_rig.Burst->Flow[0], _rig.State->NowMs);
            return ms - (ms % 1_000);   // the grain, which is below a second
        }
    }

    [Fact]
    public void AClosedFlowsPortCanBeUsedAgain()
    {
        TwoServers(Scheduler.Wlc, 1, 1);
        RunOne(Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Syn));
        RunOne(Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Ack));
        RunOne(Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Fin | Wire.Ack));
        RunOne(Frames.L4("172.16.0.9", 1, Vip, 80, tcpFlags: Wire.Syn));
        Assert.Equal(1UL, _rig.Counters.FlowsReused);
        Assert.Equal(2UL, _rig.Counters.FlowsCreated);
        Assert.Equal(1u, _rig.State->Flows4.Count);
    }

    [Theory]
    [InlineData(12, 0x08, 0x06, Verdict.Punt, DropReason.None)] // ARP
    [InlineData(0, 0xFF, 0xFF, Verdict.Punt, DropReason.None)] // group MAC
    [InlineData(0, 0x04, 0x00, Verdict.Drop, DropReason.NotOurMac)]
    [InlineData(14, 0x65, 0x00, Verdict.Drop, DropReason.IpVersionBad)]
    [InlineData(14, 0x44, 0x00, Verdict.Drop, DropReason.Ipv4HeaderLengthBad)]
    [InlineData(16, 0x06, 0x00, Verdict.Drop, DropReason.IpLengthBad)]
    [InlineData(16, 0x00, 0x10, Verdict.Drop, DropReason.IpLengthBad)]
    [InlineData(20, 0x20, 0x00, Verdict.Drop, DropReason.FragmentBad)]
    [InlineData(20, 0x00, 0x01, Verdict.Drop, DropReason.FragmentTiny)]
    [InlineData(46, 0x40, 0x10, Verdict.Drop, DropReason.L4HeaderBad)]
    [InlineData(46, 0xF0, 0x10, Verdict.Drop, DropReason.L4HeaderBad)]
    [InlineData(36, 0x00, 0x51, Verdict.Drop, DropReason.NoService)]
    [InlineData(32, 0x3A, 0x02, Verdict.Punt, DropReason.None)] // the director's own address
    [InlineData(22, 0x40, 0x01, Verdict.Punt, DropReason.None)] // ICMP to the VIP
    [InlineData(22, 0x40, 0x2F, Verdict.Drop, DropReason.ProtocolUnsupported)] // GRE to the VIP
    public void EachFaultHasItsName(int at, byte first, byte second, Verdict verdict, DropReason reason)
    {
        TwoServers();
        byte[] frame = Frames.L4("172.16.0.9", 1, Vip, 80);
        frame[at] = first;
        frame[at + 1] = second;
        Assert.Equal(verdict, RunOne(frame));
        if (verdict == Verdict.Drop)
        {
            Assert.Equal(reason, (DropReason)_rig.Burst->Reason[0]);
        }
    }

    [Fact]
    public void EveryPrefixOfAFrameIsDroppedOrPuntedByName()
    {
        TwoServers();
        byte[] frame = Frames.L4("172.16.0.9", 1, Vip, 80);
        for (int length = 0; length < frame.Length; length++)
        {
            Assert.Equal(Verdict.Drop, RunOne(frame[..length]));
            Assert.Contains((DropReason)_rig.Burst->Reason[0], new[] { DropReason.Truncated, DropReason.IpLengthBad });
        }
    }

    private void Advance(int seconds)
    {
        for (int step = 0; step < seconds * 10; step++)
        {
            _rig.State->NowMs += 100;
            FlowSweep.Run(_rig.State);
        }
    }
}
