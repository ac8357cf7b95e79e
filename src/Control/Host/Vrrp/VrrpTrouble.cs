using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>What an operator should know of an instance, though the election goes on.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Peer">The other router, if it is about one.</param>
/// <param name="Error">With <see cref="VrrpTroubleKind.Refused"/>: why.</param>
public readonly record struct VrrpTrouble(VrrpTroubleKind Kind, VrrpAddress Peer = default, VrrpDecodeError Error = VrrpDecodeError.None)
{
    /// <summary>In words.</summary>
    public override string ToString() => Kind switch
    {
        VrrpTroubleKind.Refused => $"advertisements from {Peer} are refused ({VrrpText.Of(Error)}): both directors may be active",
        VrrpTroubleKind.OwnAddress => $"another director advertises from {Peer}, this director's own address, or a loop returns what was sent: both may be active",
        VrrpTroubleKind.HandoverFailed => "no other router has taken over; it stays active",
        VrrpTroubleKind.PeerUnresolved => $"the MAC address of peer {Peer}, or of its gateway, is not known: it hears no advertisement",
        _ => "the exception port did not take an advertisement",
    };
}
