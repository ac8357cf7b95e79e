namespace Forwarder.Api;

/// <summary>VRRP groups that are active together or not at all.</summary>
public sealed record VrrpSyncGroupSettings
{
    /// <summary>Name, unique: letters, digits, '.', '-' and '_', at most 63.</summary>
    public required string Name { get; init; }

    /// <summary>Names of two or more VRRP groups; a group is in one sync group at most.</summary>
    public required IReadOnlyList<string> Groups { get; init; }

    /// <summary>What moves the priorities of all members, or keeps them from taking part.</summary>
    public IReadOnlyList<VrrpTrackUse> Track { get; set; } = [];

    /// <summary>Programs to run when all members have come to the same state, or the first one to a fault.</summary>
    public VrrpNotifySettings? Notify { get; set; }
}
