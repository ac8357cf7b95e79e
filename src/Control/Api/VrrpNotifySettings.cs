namespace Forwarder.Api;

/// <summary>Programs that run when a VRRP group or sync group changes its state: absolute path and arguments. One at a time for each group, in the order of the changes.</summary>
public sealed record VrrpNotifySettings
{
    /// <summary>On becoming active (notify_master).</summary>
    public IReadOnlyList<string>? Active { get; set; }

    /// <summary>On becoming backup (notify_backup).</summary>
    public IReadOnlyList<string>? Backup { get; set; }

    /// <summary>On a fault (notify_fault).</summary>
    public IReadOnlyList<string>? Fault { get; set; }

    /// <summary>When the group stops: control ends, the group is removed, or the dataplane is gone (notify_stop).</summary>
    public IReadOnlyList<string>? Stop { get; set; }

    /// <summary>
    /// On each of these, after the one above (notify). Four arguments follow its own, as keepalived gives them: INSTANCE or
    /// GROUP; the name; MASTER, BACKUP, FAULT or STOP; the priority in force (0 for a sync group).
    /// </summary>
    public IReadOnlyList<string>? Any { get; set; }

    /// <summary>User as whom they run; null = control's.</summary>
    public string? User { get; set; }

    /// <summary>A program that takes longer is killed, in ms: 100 to 3,600,000.</summary>
    public int TimeoutMs { get; set; } = 10_000;
}
