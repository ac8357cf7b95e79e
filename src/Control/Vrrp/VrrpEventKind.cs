namespace Forwarder.Vrrp;

/// <summary>Everything that can happen to an instance.</summary>
public enum VrrpEventKind : byte
{
    /// <summary>Nothing; the default value, ignored.</summary>
    None,

    /// <summary>RFC 9568 section 6.4.1, Startup.</summary>
    Startup,

    /// <summary>RFC 9568 sections 6.4.2 and 6.4.3, Shutdown.</summary>
    Shutdown,

    /// <summary>Time has passed: fire what is due.</summary>
    Tick,

    /// <summary>A good advertisement for this instance came in.</summary>
    AdvertReceived,

    /// <summary>The priority changed, by tracking or by hand.</summary>
    PriorityChanged,

    /// <summary>One or more reasons not to take part have come up.</summary>
    FaultRaised,

    /// <summary>One or more of them are gone.</summary>
    FaultCleared,

    /// <summary>Be backup for a time, whatever the priority (maintenance).</summary>
    ForceBackup,

    /// <summary>End of that before its time.</summary>
    ReleaseBackup,

    /// <summary>Hand over to the peer without a gap.</summary>
    Handover,

    /// <summary>The dataplane says that the lease ran out: it has stopped owning already.</summary>
    LeaseLost,

    /// <summary>The sync group has become active.</summary>
    GroupActive,

    /// <summary>The sync group has become backup, and nobody is known to take over.</summary>
    GroupBackup,

    /// <summary>The sync group has lost to a better router.</summary>
    GroupYield,
}
