using System.Collections.Concurrent;
using Forwarder.Abi;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Carries the election's decisions to the dataplane: a lease word of the region for each group (docs/adr/0011), an event and the
/// operator's programs for each change. A region that is replaced starts with no lease; the next advertisement renews it.
/// </summary>
public sealed class VrrpLeases(DataplaneSupervisor supervisor, VrrpNotifier notifier, EventLog events) : IVrrpOwnership
{
    /// <summary>The same trouble of a group is told once in so long.</summary>
    private const long TroubleEveryMs = 60_000;

    private readonly ConcurrentDictionary<int, string> _names = new();
    private readonly Dictionary<(int Id, VrrpTroubleKind Kind), long> _toldMs = [];
    private readonly Queue<Promise> _promises = new();
    private readonly long[] _releasedNs = new long[Limits.VrrpGroupsMax];

    /// <summary>A lease that begins when the advertisement before it has left.</summary>
    private sealed record Promise(int Id, long MadeNs, long UntilNs, DataplanePulse Pulse);

    /// <summary>Names a group for its events.</summary>
    public void Name(int id, string name) => _names[id] = name;

    /// <inheritdoc/>
    public void Own(int id, long untilNs)
    {
        long nowNs = VrrpLoop.NowNs;
        if (supervisor.Region is { } region)
        {
            _promises.Enqueue(new Promise(id, nowNs, untilNs, new DataplanePulse(region, nowNs)));
        }
    }

    /// <inheritdoc/>
    public void Release(int id)
    {
        _releasedNs[id] = VrrpLoop.NowNs;
        Write(id, 0);
    }

    /// <inheritdoc/>
    public bool IsAwaitingSend()
    {
        long nowNs = VrrpLoop.NowNs;
        foreach (Promise promise in _promises)
        {
            promise.Pulse.Look();
        }

        while (_promises.TryPeek(out Promise? promise) && (promise.Pulse.HasLeft || promise.UntilNs < nowNs))
        {
            _promises.Dequeue();
            if (promise.MadeNs > _releasedNs[promise.Id])
            {
                Write(promise.Id, (ulong)promise.UntilNs);
            }
        }

        return _promises.Count > 0;
    }

    /// <inheritdoc/>
    public bool IsOwned(int id) => supervisor.Region is { } region && Volatile.Read(ref region.Leases[id]) > (ulong)VrrpLoop.NowNs;

    /// <inheritdoc/>
    public void Changed(int id, VrrpState state, VrrpReason reason, byte priority)
    {
        string name = _names.GetValueOrDefault(id, "?");
        events.Add("vrrp.state", $"VRRP group {name} is {VrrpText.Of(state)}: {VrrpText.Of(reason)}.", 0);
        notifier.Changed(id, state, reason, priority);
    }

    /// <inheritdoc/>
    public void Troubled(int id, in VrrpTrouble trouble)
    {
        long nowMs = Environment.TickCount64;
        if (!_toldMs.TryGetValue((id, trouble.Kind), out long toldMs) || nowMs - toldMs >= TroubleEveryMs)
        {
            _toldMs[(id, trouble.Kind)] = nowMs;
            events.Add("vrrp.trouble", $"VRRP group {_names.GetValueOrDefault(id, "?")}: {trouble}.", 0);
        }
    }

    private void Write(int id, ulong word)
    {
        if (supervisor.Region is { } region)
        {
            Volatile.Write(ref region.Leases[id], word);
        }
    }
}
