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
    private readonly DataplanePulse _pulse = new();

    /// <summary>A lease that begins when the advertisement that was handed over at <paramref name="MadeNs"/> has left.</summary>
    private readonly record struct Promise(int Id, long MadeNs, long UntilNs);

    /// <summary>Names a group for its events.</summary>
    public void Name(int id, string name) => _names[id] = name;

    /// <inheritdoc/>
    public void Own(int id, long untilNs) => _promises.Enqueue(new Promise(id, VrrpLoop.NowNs, untilNs));

    /// <inheritdoc/>
    public void Release(int id)
    {
        _releasedNs[id] = VrrpLoop.NowNs;
        Write(id, 0);
    }

    /// <inheritdoc/>
    public bool IsAwaitingSend()
    {
        long nowNs = VrrpLoop.NowNs, sentBeforeNs = _promises.Count > 0 && supervisor.Region is { } region ? _pulse.SentBeforeNs(region, nowNs) : 0;
        while (_promises.TryPeek(out Promise promise) && (promise.MadeNs < sentBeforeNs || promise.UntilNs < nowNs))
        {
            _promises.Dequeue();
            if (promise.MadeNs > _releasedNs[promise.Id])
            {
                Write(promise.Id, (ulong)promise.UntilNs);
            }
        }

        return _promises.Count > 0;
    }

    /// <summary>Whether the group's VIPs are this director's now.</summary>
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
