namespace Forwarder.Api;

/// <summary>Answer of DELETE /v1/connections.</summary>
public sealed record ConnectionRemoval
{
    /// <summary>Flows that were removed.</summary>
    public long Removed { get; set; }
}
