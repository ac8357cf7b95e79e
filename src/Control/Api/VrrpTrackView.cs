namespace Forwarder.Api;

/// <summary>What a tracked object says about a VRRP group.</summary>
public sealed record VrrpTrackView
{
    /// <summary>Name and kind.</summary>
    public required string Name { get; init; }
    /// <summary>Kind.</summary>
    public required string Kind { get; init; }
    /// <summary>Weight and direction in force for this group.</summary>
    public int Weight { get; init; }
    /// <summary>Whether the direction is turned round.</summary>
    public bool Reverse { get; init; }
    /// <summary>Whether it is up.</summary>
    public bool Up { get; init; }
    /// <summary>What it adds to the priority now.</summary>
    public int Offset { get; init; }
    /// <summary>Whether it keeps the group from taking part.</summary>
    public bool Fault { get; init; }
    /// <summary>More about its state: exit code of a program, servers of a service.</summary>
    public string? Detail { get; init; }
}
