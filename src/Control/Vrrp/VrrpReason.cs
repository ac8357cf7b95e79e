namespace Forwarder.Vrrp;

/// <summary>Why a state was entered; logged with each transition.</summary>
public enum VrrpReason : byte
{
    None,

    /// <summary>Start-up, or end of the start delay.</summary>
    Startup,

    Shutdown,

    /// <summary>Started as address owner (priority 255).</summary>
    AddressOwner,

    /// <summary>The active router fell silent for Master_Down_Interval.</summary>
    MasterDown,

    /// <summary>The active router resigned with priority 0.</summary>
    MasterResigned,

    /// <summary>The active router had a lower priority.</summary>
    Preempted,

    /// <summary>Another router is active with a higher priority, or an equal one and a higher address.</summary>
    HigherPriority,

    /// <summary>A link, address, worker or tracked object failed.</summary>
    Fault,

    /// <summary>The last fault is gone.</summary>
    FaultCleared,

    /// <summary>Told to be backup.</summary>
    Forced,

    /// <summary>Told to hand over, and the peer has taken over.</summary>
    HandedOver,

    /// <summary>We were late: the lease had run out.</summary>
    LeaseLost,

    /// <summary>The sync group moved.</summary>
    SyncGroup,
}
