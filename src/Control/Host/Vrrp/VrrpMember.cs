using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>An instance that a loop is to run.</summary>
/// <param name="Id">The number by which its ownership is reported.</param>
/// <param name="Settings">What it was made from: an instance whose settings stay goes on undisturbed.</param>
/// <param name="Config">For the state machine.</param>
public sealed record VrrpMember(int Id, object Settings, VrrpConfig Config)
{
    /// <inheritdoc/>
    public bool Equals(VrrpMember? other) => other != null && Id == other.Id && Settings.Equals(other.Settings);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Id, Settings);
}
