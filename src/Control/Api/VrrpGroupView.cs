namespace Forwarder.Api;

/// <summary>What a VRRP group is doing.</summary>
public sealed record VrrpGroupView
{
    /// <summary>Name, interface, VRID, version and VIPs as configured.</summary>
    public required string Name { get; init; }
    /// <summary>Interface.</summary>
    public required string Interface { get; init; }
    /// <summary>VRID.</summary>
    public required int Vrid { get; init; }
    /// <summary>Version.</summary>
    public required int Version { get; init; }
    /// <summary>VIPs.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }

    /// <summary>Sync group that it moves with, if any.</summary>
    public string? SyncGroup { get; init; }

    /// <summary>"initialize", "backup", "active"; "waiting" while the dataplane or the exception port is not there.</summary>
    public required string State { get; init; }
    /// <summary>Why it is in this state.</summary>
    public string? Reason { get; init; }
    /// <summary>Time in this state, in s.</summary>
    public double SinceS { get; init; }
    /// <summary>For how long it is still held back as backup, in s, after <c>backup</c> or <c>handover</c>; null if it is not.</summary>
    public double? HeldForS { get; init; }
    /// <summary>After how long it takes part, in s, while <c>startDelayMs</c> runs; null after that.</summary>
    public double? StartsInS { get; init; }
    /// <summary>Priority in effect.</summary>
    public int Priority { get; init; }
    /// <summary>Whether the dataplane answers and forwards for the VIPs: the lease has not run out.</summary>
    public bool Owned { get; init; }
    /// <summary>Address and priority of the active router, as far as it is heard.</summary>
    public string? ActiveRouter { get; init; }
    /// <summary>Its priority.</summary>
    public int ActivePriority { get; init; }
    /// <summary>Advertisement interval in effect, skew time, Master_Down_Interval, in ms.</summary>
    public double IntervalMs { get; init; }
    /// <summary>Skew time in ms.</summary>
    public double SkewMs { get; init; }
    /// <summary>Master_Down_Interval in ms.</summary>
    public double MasterDownMs { get; init; }
    /// <summary>Why it became active the last time (vrrpv3StatisticsNewMasterReason); null if it never was.</summary>
    public string? ActiveReason { get; init; }
    /// <summary>Counter of the advertisement that was refused last (vrrpv3StatisticsProtoErrReason); null if none was.</summary>
    public string? LastRefusal { get; init; }
    /// <summary>For how long has been counted, in s (vrrpv3StatisticsRowDiscontinuityTime).</summary>
    public double CountersSinceS { get; init; }
    /// <summary>What is tracked, and what it says.</summary>
    public IReadOnlyList<VrrpTrackView> Tracks { get; init; } = [];
    /// <summary>Counters of the group, and the interface's ones for packets that were not acted upon, by name.</summary>
    public IReadOnlyDictionary<string, long> Counters { get; init; } = new Dictionary<string, long>();
}
