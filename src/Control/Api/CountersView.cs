namespace Forwarder.Api;

/// <summary>Answer of GET /v1/counters: sums over workers and housekeeping.</summary>
public sealed record CountersView
{
    /// <summary>Counters of the workers, summed.</summary>
    public IReadOnlyDictionary<string, ulong> Workers { get; set; } = new Dictionary<string, ulong>();

    /// <summary>Counters of the slow path.</summary>
    public IReadOnlyDictionary<string, ulong> SlowPath { get; set; } = new Dictionary<string, ulong>();

    /// <summary>Packets lost by reason: every reason, also those at 0.</summary>
    public IReadOnlyDictionary<string, ulong> Drops { get; set; } = new Dictionary<string, ulong>();
}
