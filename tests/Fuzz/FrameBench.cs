using Forwarder.Abi;
using Forwarder.Engine;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>A worker and a second director that looks over its shoulder.</summary>
public sealed unsafe class FrameBench : IDisposable
{
    /// <summary>Largest frame; a tunnel's header must have room before it.</summary>
    public const int FrameBytesMax = 2048;

    private readonly WorkerRig _rig = new(FuzzNetwork.Content, FuzzNetwork.PortMac);
    private readonly HashSet<uint> _unknown = [];

    public FrameBench()
    {
        Director = new SecondDirector { Knows = hop => !_unknown.Contains(hop), NowMs = _rig.State->NowMs };
        Set(owns: true, []);
    }

    /// <summary>The second reading.</summary>
    public SecondDirector Director { get; }

    /// <summary>Flows that the frames of the last burst belonged to.</summary>
    public FlowReading?[] Flows { get; } = new FlowReading?[Limits.BurstMax];

    /// <summary>The worker.</summary>
    public WorkerRig Rig => _rig;

    /// <summary>Lets time pass (a multiple of 256 ms) and says who owns the VIPs and which next hops do not answer.</summary>
    public void Set(bool owns, IEnumerable<uint> unknown, uint passedMs = 0)
    {
        Director.NowMs = _rig.State->NowMs += passedMs;
        bool whole = passedMs % 512 == 0;
        _rig.State->SweepMs -= whole ? FlowSweep.RoundMs : 0; // all of the table is owed
        do
        {
            FlowSweep.Run(_rig.State);
        }
        while (whole && FlowSweep.IsOwed(_rig.State));
        Director.Sweep(whole);
        Director.Owns = owns;
        _rig.Leases[FuzzNetwork.Group] = owns ? ulong.MaxValue : 0;
        _unknown.Clear();
        _unknown.UnionWith(unknown);
        for (int slot = 1; slot < FuzzNetwork.Content.NextHops.Count; slot++)
        {
            int port = FuzzNetwork.Content.Interfaces[FuzzNetwork.Content.NextHops[slot].Interface].Port;
            _rig.Neighbours[slot] = _unknown.Contains((uint)slot) ? 0 : NeighbourWord.Pack(EngineRig.MacOfNextHop(slot), NeighbourState.Reachable, port);
        }
    }

    /// <summary>
    /// Whether a frame may go in the same burst as those before: a stage is done with all before the next begins, and flows in
    /// their first bucket come before the others, so two packets about one TCP client may be worked on in either order.
    /// </summary>
    public static bool MayShareABurst(Reading r, HashSet<string> clients) =>
        r.Kind == FrameKind.Settled || (IsInOrder(r, clients) && (r.Protocol == 17 || r.Kind == FrameKind.LaterFragment || clients.Add(r.Client)));

    /// <summary>Later fragments come after all else, so a first one must not come behind one of the same datagram.</summary>
    private static bool IsInOrder(Reading r, HashSet<string> seen) => r.Datagram == null || seen.Add(r.Datagram) || r.Kind == FrameKind.LaterFragment;

    /// <summary>One turn. Returns the fates, the readings, and the first objection with its frame.</summary>
    public (Fate[] Fates, Reading[] Readings, string? Objection, int At) Turn(int port, IReadOnlyList<byte[]> frames)
    {
        Director.Begin();
        Fate[] fates = _rig.Turn(port, frames);
        Reading[] readings = [.. frames.Select((f, i) => FrameRules.Read(f, port, _rig.ChecksumBad(i)))];
        int[] sent = new int[FuzzNetwork.PortCount];
        int pushed = 0;
        for (int i = 0; i < frames.Count; i++)
        {
            string? objection = Overload(fates[i], sent, ref pushed);
            if (_rig.InSegments(i))
            {
                objection ??= fates[i].Reason == DropReason.MultiSegment ? null : $"{fates[i].Name} where MultiSegment is right";
            }
            else
            {
                objection ??= Director.Objection(readings[i], frames[i], port, fates[i]);
            }

            Flows[i] = _rig.InSegments(i) ? null : Director.Flow;
            Director.Tally.Add(frames[i], fates[i]);
            if (objection != null)
            {
                return (fates, readings, objection, i);
            }
        }

        return (fates, readings, Director.Tally.Objection(_rig.Counters, _rig.Drops, ServerPackets()), -1);
    }

    /// <inheritdoc/>
    public void Dispose() => _rig.Dispose();

    /// <summary>What a full Tx queue or ring does to whom: in the order of the burst, those come through that have room.</summary>
    private string? Overload(Fate fate, int[] sent, ref int pushed)
    {
        int used = WorkerRig.RingEntries - _rig.RingRoom + pushed;
        bool full = fate.Kind switch
        {
            "drop" => false,
            "forward" => sent[fate.Port]++ >= _rig.TxRoom,
            "refuse" => used >= WorkerRig.RingEntries / 2, // the other half is not for those whose senders are to be told
            _ => used >= WorkerRig.RingEntries,
        };
        pushed += full || fate.Kind is "drop" or "forward" ? 0 : 1;
        DropReason expected = !full ? DropReason.None : fate.Kind switch { "forward" => DropReason.TxFull, "punt" => DropReason.PuntRingFull, "wait" => DropReason.NeighbourUnresolved, _ => fate.Reason };
        return fate.Lost == expected ? null : $"{fate.Kind} lost by {fate.Lost} where {expected} is right";
    }

    private long ServerPackets()
    {
        ulong packets = 0;
        for (int slot = 1; slot < FuzzNetwork.Content.Servers.Count; slot++)
        {
            packets += _rig.State->Servers[slot].Packets;
        }

        return (long)packets;
    }
}
