using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>Flows that control has marked leave the worker's tables, with all that they hold, and no others do.</summary>
public sealed unsafe class FlowRemovalTests : IDisposable
{
    private const ulong OwnMac = 0x010000000002, RouterMac = 0x0C0000000002;
    private const string Client = "192.0.2.9", Client6 = "2001:db8::9";
    private const int VipPort = 80, FirstPort = 40_000;
    private readonly EngineRig _rig = new(1024, OwnMac, OwnMac + (1UL << 40));

    public void Dispose() => _rig.Dispose();

    /// <summary>FullNAT, as its flows hold most: a count, a last hop and a local port.</summary>
    private void Open(bool v6, int flows)
    {
        ContentBuilder content = new();
        ushort lan = content.Interface(0, 0, "10.1.0.1");
        content.Interface(1, 0, "192.0.2.1");
        content.Service(v6 ? "fd16::100" : "172.16.58.1", VipPort, Wire.Tcp, Scheduler.Wlc, 251, (lan, v6 ? "fd17::7" : "10.1.0.7", 1));
        content.FullNat(1, 8080, v6 ? "fd17::200" : "10.1.0.200");
        _rig.Publish(content.Content);
        _rig.ResolveAll(content.Content);
        for (int port = FirstPort; port < FirstPort + flows; port++)
        {
            Send(v6, port, Wire.Syn);
        }
    }

    private void Send(bool v6, int port, byte flags) =>
        _rig.Run(1, Frames.Of(Ip.Packet(Wire.Tcp, v6 ? Client6 : Client, port, v6 ? "fd16::100" : "172.16.58.1", VipPort, null, 64, flags), OwnMac + (1UL << 40), RouterMac));

    private FlowQueryBlock* Query => (FlowQueryBlock*)Unsafe.AsPointer(ref _rig.Region.FlowQuery);

    /// <summary>An answer with so many flows as housekeeping gives it, all marked.</summary>
    private void Mark(bool v6, int flows, FlowRemoval removal = FlowRemoval.AnyState)
    {
        (ulong high, ulong low) = ContentBuilder.Words(v6 ? Client6 : Client);
        for (int i = 0; i < flows; i++)
        {
            Query->Entries[i] = new FlowRecord
            {
                ClientHigh = high, ClientLow = low, ClientPort = BinaryPrimitives.ReverseEndianness((ushort)(FirstPort + i)), Service = 1, Server = 1, State = FlowState.SynReceived,
                IpVersion = (byte)(v6 ? 6 : 4), Incarnation = _rig.State->View.Servers[1].Incarnation, Removal = removal,
            };
        }

        Query->Count = (uint)flows;
        Query->RemovalSequence++;
    }

    private int RunUntilDone()
    {
        int calls = 0;
        while (_rig.State->Block->RemovalsDone != Query->RemovalSequence)
        {
            FlowRemovals.Run(_rig.State, Query);
            Assert.InRange(++calls, 1, 1_000);
        }

        return calls;
    }

    private (uint Flows, uint Active, ulong Ports, uint LastHops) Held(bool v6)
    {
        uint lastHops = 0;
        for (int i = 0; i < LastHops.Capacity; i++)
        {
            lastHops += _rig.State->LastHopUses[i];
        }

        return (v6 ? _rig.State->Flows6.Count : _rig.State->Flows4.Count, _rig.Region.ServerCounters(0)[1].ActiveConnections, _rig.Region.SourceCounters(0)[1].PortsInUse, lastHops);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFlowGivesBackWhatItHolds(bool v6)
    {
        Open(v6, 3);
        Assert.Equal((3u, 3u, 3ul, 3u), Held(v6));
        Mark(v6, 3);
        Query->Entries[1].Removal = FlowRemoval.None;
        RunUntilDone();
        Assert.Equal((1u, 1u, 1ul, 1u), Held(v6));
        Assert.Equal((2ul, 0ul), (_rig.Counters.FlowsRemoved, _rig.Counters.FlowsExpired));
        Assert.Equal(1ul, v6 ? _rig.State->Block->Flows6 : _rig.State->Block->Flows4);
        ulong created = _rig.Counters.FlowsCreated;
        Send(v6, FirstPort, Wire.Ack);
        Send(v6, FirstPort + 1, Wire.Ack);
        Assert.Equal(created + 1, _rig.Counters.FlowsCreated);
        FlowRemovals.Run(_rig.State, Query);   // done is done: the new flow stays
        Assert.Equal(2u, Held(v6).Flows);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFlowThatIsNotMeantStays(bool v6)
    {
        Open(v6, 1);
        Action<int>[] others =
        [
            i => Query->Entries[i].State = FlowState.Established,
            i => Query->Entries[i].Server++,
            i => Query->Entries[i].Incarnation++,
            i => Query->Entries[i].Worker++,
            i => Query->Entries[i].Service++,
            i => Query->Entries[i].Service = ushort.MaxValue,
            i => Query->Entries[i].ClientPort++,
            i => Query->Entries[i].ClientHigh++,
            i => Query->Entries[i].IpVersion ^= 4 ^ 6,
        ];
        foreach (Action<int> other in others)
        {
            Mark(v6, 1, FlowRemoval.SameState);
            other(0);
            RunUntilDone();
        }

        Assert.Equal((1u, 0ul), (Held(v6).Flows, _rig.Counters.FlowsRemoved));
        Mark(v6, 1);
        others[0](0);   // another state by now
        RunUntilDone();
        Assert.Equal((0u, 1ul), (Held(v6).Flows, _rig.Counters.FlowsRemoved));
    }

    [Fact]
    public void AFewAreTakenOutEachTimeAndANewAnswerIsReadFromItsStart()
    {
        const int flows = 200;
        Open(v6: false, flows);
        Mark(v6: false, flows);
        FlowRemovals.Run(_rig.State, Query);
        Assert.Equal(flows - FlowRemovals.EntriesPerCallMax, Held(false).Flows);
        Assert.NotEqual(Query->RemovalSequence, _rig.State->Block->RemovalsDone);
        for (int port = FirstPort; port < FirstPort + FlowRemovals.EntriesPerCallMax; port++)
        {
            Send(false, port, Wire.Syn);
        }

        Mark(v6: false, flows);
        Assert.Equal((flows + (int)FlowRemovals.EntriesPerCallMax - 1) / (int)FlowRemovals.EntriesPerCallMax, RunUntilDone());
        Assert.Equal((0u, 0u, 0ul, 0u), Held(false));
    }

    /// <summary>The region is trusted no further than its own memory.</summary>
    [Fact]
    public void AnAnswerThatSaysTooManyIsReadToItsEnd()
    {
        Open(v6: false, 1);
        Mark(v6: false, 1);
        Query->Count = uint.MaxValue;
        RunUntilDone();
        Assert.Equal(0u, Held(false).Flows);
    }
}
