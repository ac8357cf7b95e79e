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
    private readonly ConcurrentDictionary<int, string> _names = new();

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

    private void Write(int id, ulong word)
    {
        if (supervisor.Region is { } region)
        {
            Volatile.Write(ref region.Leases[id], word);
        }
    }
}
