namespace Forwarder.Api;

/// <summary>A tracked object that counts for a VRRP group or a sync group.</summary>
public sealed record VrrpTrackUse
{
    /// <summary>Name of one of <see cref="DesiredState.VrrpTracks"/>.</summary>
    public required string Name { get; init; }

    /// <summary>Weight here; null = the object's own.</summary>
    public int? Weight { get; set; }

    /// <summary>Direction here; null = the object's own.</summary>
    public bool? Reverse { get; set; }
}
