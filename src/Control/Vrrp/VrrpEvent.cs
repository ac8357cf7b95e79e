namespace Forwarder.Vrrp;

/// <summary>An event with what it carries. Times are durations in nanoseconds; the clock comes as an argument of Handle.</summary>
public readonly record struct VrrpEvent
{
    public static readonly VrrpEvent Startup = new() { Kind = VrrpEventKind.Startup };
    public static readonly VrrpEvent Shutdown = new() { Kind = VrrpEventKind.Shutdown };
    public static readonly VrrpEvent Tick = new() { Kind = VrrpEventKind.Tick };
    public static readonly VrrpEvent ReleaseBackup = new() { Kind = VrrpEventKind.ReleaseBackup };
    public static readonly VrrpEvent LeaseLost = new() { Kind = VrrpEventKind.LeaseLost };
    public static readonly VrrpEvent GroupActive = new() { Kind = VrrpEventKind.GroupActive };
    public static readonly VrrpEvent GroupBackup = new() { Kind = VrrpEventKind.GroupBackup };
    public static readonly VrrpEvent GroupYield = new() { Kind = VrrpEventKind.GroupYield };

    public VrrpEventKind Kind { get; init; }

    public VrrpVersion Version { get; init; }

    public byte Priority { get; init; }

    public int IntervalCs { get; init; }

    public VrrpAddress Source { get; init; }

    public VrrpFaults Faults { get; init; }

    public long DurationNs { get; init; }

    /// <summary>How long ago an advertisement came in: packets wait while the process is stopped.</summary>
    public long AgeNs { get; init; }

    public static VrrpEvent AdvertReceived(VrrpVersion version, byte priority, int intervalCs, VrrpAddress source) => new()
    {
        Kind = VrrpEventKind.AdvertReceived,
        Version = version,
        Priority = priority,
        IntervalCs = intervalCs,
        Source = source,
    };

    /// <summary>New priority, 1 to 254; of an address owner it cannot change.</summary>
    public static VrrpEvent PriorityChanged(byte priority) => new() { Kind = VrrpEventKind.PriorityChanged, Priority = priority };

    public static VrrpEvent FaultRaised(VrrpFaults faults) => new() { Kind = VrrpEventKind.FaultRaised, Faults = faults };

    public static VrrpEvent FaultCleared(VrrpFaults faults) => new() { Kind = VrrpEventKind.FaultCleared, Faults = faults };

    /// <summary>Backup for this long.</summary>
    public static VrrpEvent ForceBackup(long durationNs) => new() { Kind = VrrpEventKind.ForceBackup, DurationNs = durationNs };

    /// <summary>Hand over, then stay backup for this long.</summary>
    public static VrrpEvent Handover(long holdDownNs) => new() { Kind = VrrpEventKind.Handover, DurationNs = holdDownNs };
}
