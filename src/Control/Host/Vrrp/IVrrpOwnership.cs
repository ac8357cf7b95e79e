using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>What the addresses' owner does with the decisions of the election. Called on the loop's thread, in order; must not block.</summary>
public interface IVrrpOwnership
{
    /// <summary>
    /// The addresses of this instance (<see cref="VrrpMember.Id"/>) are ours until then (<see cref="VrrpLoop.NowNs"/>), no longer: an
    /// advertisement has been handed over, and counts once it has left.
    /// </summary>
    void Own(int id, long untilNs);

    /// <summary>Called each turn: whether something that was handed over has still to leave.</summary>
    bool IsAwaitingSend();

    /// <summary>Whether the addresses of this instance are ours at this moment, see <see cref="Own"/>.</summary>
    bool IsOwned(int id);

    /// <summary>They are not ours any more, from now.</summary>
    void Release(int id);

    /// <summary>The instance changed its state, at this priority in force.</summary>
    void Changed(int id, VrrpState state, VrrpReason reason, byte priority);

    /// <summary>The operator should know of something; called each time that it happens.</summary>
    void Troubled(int id, in VrrpTrouble trouble);
}
