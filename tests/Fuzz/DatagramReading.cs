namespace Forwarder.Fuzz.Tests;

/// <summary>A fragmented datagram as the second reading knows it, from its first fragment on.</summary>
public sealed class DatagramReading
{
    private const int Units = 8193, GapsMax = 8, LifeMs = 30_000;
    private readonly bool[] _seen = new bool[Units];
    private int _end;

    public DatagramReading(Reading first, FlowReading flow, uint nowMs)
    {
        (Flow, Client, ToClient, LastHop, DeadlineMs) = (flow, first.Client, first.Kind == FrameKind.Reply, flow.LastHop, nowMs + LifeMs);
        Array.Fill(_seen, true, 0, first.FragmentBytes / 8);
    }

    /// <summary>The flow of the first fragment, its client, and which way it went.</summary>
    public FlowReading Flow { get; }

    public string Client { get; }

    public bool ToClient { get; }

    /// <summary>Where the client was then.</summary>
    public (string Mac, int Port, int Vlan)? LastHop { get; }

    public uint DeadlineMs { get; }

    /// <summary>Whether fragments have overlapped (RFC 5722).</summary>
    public bool IsBad { get; private set; }

    /// <summary>Whether all of it has been seen.</summary>
    public bool IsWhole => _end != 0 && _seen.AsSpan(0, (_end + 7) / 8).IndexOf(false) < 0;

    /// <summary>Takes a later fragment. Returns the name of the reason if it is lost.</summary>
    public string? Take(Reading r)
    {
        int from = r.FragmentOffset / 8, end = r.FragmentOffset + r.FragmentBytes, to = (end + 7) / 8;
        if (IsBad || Array.IndexOf(_seen, false, from, to - from) < 0)
        {
            return "FragmentOverlap";
        }

        bool ends = !r.MoreFragments, beyond = _end != 0 && (ends ? end != _end : end > _end);
        if (beyond || Array.IndexOf(_seen, true, from, (ends ? Units : to) - from) >= 0)
        {
            IsBad = true;
            return "FragmentOverlap";
        }

        Array.Fill(_seen, true, from, to - from);
        if (Enumerable.Range(1, Units - 1).Count(u => !_seen[u] && _seen[u - 1]) > GapsMax)
        {
            Array.Fill(_seen, false, from, to - from);
            return "FragmentScattered";
        }

        _end = ends ? end : _end;
        return null;
    }
}
