namespace Forwarder.Api;

/// <summary>An event of GET /v1/events (SSE): the field event carries the kind.</summary>
public sealed record DirectorEvent
{
    /// <summary>Number.</summary>
    public long Sequence { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset Time { get; set; }

    /// <summary>config.changed, dataplane.started, dataplane.failed, dataplane.died, snapshot.accepted, snapshot.rejected, neighbour.changed, port.link.</summary>
    public required string Kind { get; init; }

    /// <summary>In words.</summary>
    public required string Message { get; init; }

    /// <summary>Generation in force.</summary>
    public ulong Generation { get; set; }
}
