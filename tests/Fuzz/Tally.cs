using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>What a worker's counters must have become, by what was seen to happen to each frame.</summary>
public sealed class Tally
{
    private readonly long[] _drops = new long[DropCounters.Count];

    public long Received { get; set; }

    public long ReceivedBytes { get; set; }

    public long Forwarded { get; set; }

    public long ForwardedBytes { get; set; }

    public long Sent { get; set; }

    public long SentBytes { get; set; }

    public long Punted { get; set; }

    public long Queued { get; set; }

    public long FlowHits { get; set; }

    public long FlowsCreated { get; set; }

    public long FlowErrors { get; set; }

    public long FragmentedPackets { get; set; }

    public long FragmentsFollowed { get; set; }

    public long Replies { get; set; }

    public long ReplyBytes { get; set; }

    /// <summary>Sent to servers, or waiting for them.</summary>
    public long ServerPackets { get; set; }

    /// <summary>A frame and its fate.</summary>
    public void Add(byte[] frame, Fate fate)
    {
        Received++;
        ReceivedBytes += frame.Length;
        bool kept = fate.Lost == DropReason.None;
        Forwarded += fate.Kind == "forward" ? 1 : 0;
        Sent += fate.Kind == "forward" && kept ? 1 : 0;
        SentBytes += fate.Kind == "forward" && kept ? fate.Frame.Length : 0;
        Punted += fate.Kind is "punt" or "refuse" && kept ? 1 : 0;
        Queued += fate.Kind == "wait" && kept ? 1 : 0;
        _drops[(int)(fate.Kind == "drop" ? fate.Reason : fate.Lost)]++;
        _drops[0] = 0;
    }

    /// <summary>The first counter that is wrong, or null. Each frame is in one of them: received = forwarded + punted + queued + dropped before that.</summary>
    public string? Objection(WorkerCounters counters, DropCounters drops, long serverPackets)
    {
        (string Name, ulong Found, long Expected)[] all =
        [
            ("RxPackets", counters.RxPackets, Received), ("RxBytes", counters.RxBytes, ReceivedBytes), ("TxPackets", counters.TxPackets, Sent), ("TxBytes", counters.TxBytes, SentBytes),
            ("ForwardedPackets", counters.ForwardedPackets, Forwarded), ("ForwardedBytes", counters.ForwardedBytes, ForwardedBytes), ("PuntedPackets", counters.PuntedPackets, Punted),
            ("QueuedPackets", counters.QueuedPackets, Queued), ("FlowHits", counters.FlowHits, FlowHits), ("FlowsCreated", counters.FlowsCreated, FlowsCreated),
            ("FragmentedPackets", counters.FragmentedPackets, FragmentedPackets), ("FragmentsFollowed", counters.FragmentsFollowed, FragmentsFollowed), ("FragmentsEvicted", counters.FragmentsEvicted, 0),
            ("FlowErrors", counters.FlowErrors, FlowErrors), ("ReplyPackets", counters.ReplyPackets, Replies), ("ReplyBytes", counters.ReplyBytes, ReplyBytes),
            ("the servers' Packets", (ulong)serverPackets, ServerPackets), ("FlowTableFull", counters.FlowTableFull, 0),
        ];
        foreach ((string name, ulong found, long expected) in all)
        {
            if (found != (ulong)expected)
            {
                return $"{name} is {found} where {expected} is right";
            }
        }

        ulong dropped = 0;
        for (int i = 0; i < _drops.Length; i++)
        {
            dropped += i == (int)DropReason.TxFull ? 0 : drops[i];
            if (drops[i] != (ulong)_drops[i])
            {
                return $"{(DropReason)i} is {drops[i]} where {_drops[i]} is right";
            }
        }

        ulong sum = counters.ForwardedPackets + counters.PuntedPackets + counters.QueuedPackets + dropped;
        return sum == counters.RxPackets ? null : $"{sum} frames are accounted for, {counters.RxPackets} were received";
    }
}
