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

    /// <summary>Names a group for its events.</summary>
    public void Name(int id, string name) => _names[id] = name;

    /// <inheritdoc/>
    public void Own(int id, long untilNs) => Write(id, (ulong)untilNs);

    /// <inheritdoc/>
    public void Release(int id) => Write(id, 0);

    /// <summary>Whether the group's VIPs are this director's now.</summary>
    public bool IsOwned(int id) => supervisor.Region is { } region && Volatile.Read(ref region.Leases[id]) > (ulong)VrrpLoop.NowNs;

    /// <inheritdoc/>
    public void Changed(int id, VrrpState state, VrrpReason reason, byte priority)
    {
        string name = _names.GetValueOrDefault(id, "?");
        events.Add("vrrp.state", $"VRRP group {name} is {VrrpText.Of(state)}: {VrrpText.Of(reason)}.", 0);
        notifier.Changed(name, state, reason, priority);
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
