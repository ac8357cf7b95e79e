using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>An instance that the loop is to run.</summary>
/// <param name="Id">The number by which its ownership is reported.</param>
/// <param name="Settings">What it was made from: an instance whose settings stay goes on undisturbed.</param>
/// <param name="Config">For the state machine.</param>
/// <param name="Heartbeats">Where advertisements are sent and heard: the same one on each.</param>
/// <param name="Home">Where its addresses are announced.</param>
public sealed record VrrpMember(int Id, object Settings, VrrpConfig Config, IReadOnlyList<VrrpLink> Heartbeats, VrrpLink Home)
{
    /// <summary>Members of the same sync group move together; null = by itself. A change of it must be one of <see cref="Settings"/>, too.</summary>
    public string? SyncGroup { get; init; }

    /// <summary>What keeps it from taking part when it starts; what comes later is posted.</summary>
    public VrrpFaults Faults { get; init; }

    /// <summary>Priority in force when it starts; null = the configured one.</summary>
    public byte? Priority { get; init; }

    /// <summary>Addresses that move with it and are not advertised.</summary>
    public IReadOnlyList<VrrpAddress> Excluded { get; init; } = [];

    /// <summary>Next hop of each unicast peer, see <see cref="IVrrpNeighbours"/>.</summary>
    public IReadOnlyList<int> PeerHops { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(VrrpMember? other) => other != null && Id == other.Id && Settings.Equals(other.Settings);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Id, Settings);
}
