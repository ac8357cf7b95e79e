namespace Forwarder.Vrrp;

/// <summary>Reasons for which an instance takes no part. It takes part when none is left.</summary>
[Flags]
public enum VrrpFaults : byte
{
    None = 0,

    /// <summary>The interface of the instance has no link.</summary>
    Link = 1,

    /// <summary>A worker's heartbeat has stopped.</summary>
    Worker = 2,

    /// <summary>A tracked object of weight 0 is down.</summary>
    Tracking = 4,

    /// <summary>Another member of the sync group is at fault.</summary>
    Group = 8,
}
