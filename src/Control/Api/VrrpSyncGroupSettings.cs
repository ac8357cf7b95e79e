namespace Forwarder.Api;

/// <summary>VRRP groups that are active together or not at all.</summary>
public sealed record VrrpSyncGroupSettings
{
    /// <summary>Name, unique.</summary>
    public required string Name { get; init; }

    /// <summary>Names of two or more VRRP groups; a group is in one sync group at most.</summary>
    public required IReadOnlyList<string> Groups { get; init; }
}
