namespace Forwarder.Control;

/// <summary>Kinds of <see cref="VrrpTrouble"/>.</summary>
public enum VrrpTroubleKind
{
    /// <summary>An advertisement with the instance's VRID that must not be acted upon.</summary>
    Refused,

    /// <summary>An advertisement from the instance's own address.</summary>
    OwnAddress,

    /// <summary>A planned handover that nobody has taken up.</summary>
    HandoverFailed,

    /// <summary>A unicast peer whose MAC address is not known.</summary>
    PeerUnresolved,

    /// <summary>An advertisement that no link took.</summary>
    NotSent,
}
