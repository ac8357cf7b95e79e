namespace Forwarder.Vrrp;

/// <summary>The timers of an instance, in the order in which they fire when several are due.</summary>
public enum VrrpTimer : byte
{
    StartDelay,
    ForcedBackup,
    Handover,
    PreemptDelay,

    /// <summary>Master_Down_Timer (Active_Down_Timer in RFC 9568).</summary>
    MasterDown,

    /// <summary>Adver_Timer.</summary>
    Advert,
    AnnounceRepeat,
    AnnounceRefresh,
}
