namespace Forwarder.Vrrp;

/// <summary>Everything that an instance can ask of the world. Effects are to be carried out in the order given.</summary>
public enum VrrpEffectKind : byte
{
    None,

    /// <summary>Send an advertisement of the given priority and version.</summary>
    SendAdvertisement,

    /// <summary>The addresses are ours until the given time, no longer.</summary>
    RenewLease,

    /// <summary>The addresses are not ours any more, from now.</summary>
    EndLease,

    /// <summary>State is Active: answer for the addresses.</summary>
    BecomeActive,

    /// <summary>State is Backup.</summary>
    BecomeBackup,

    /// <summary>State is Initialize.</summary>
    BecomeInitialize,

    /// <summary>Announce each IPv4 address the given number of times.</summary>
    SendGratuitousArp,

    /// <summary>Announce each IPv6 address the given number of times.</summary>
    SendUnsolicitedNeighbourAdvertisement,

    /// <summary>No peer took over; we go on as the active router.</summary>
    HandoverFailed,
}
