namespace Forwarder.Api;

/// <summary>Body of POST /v1/vrrp/{name}/backup and /handover.</summary>
public sealed record VrrpCommand
{
    /// <summary>How long the group stays backup, in s: 1 to 86,400.</summary>
    public required int DurationS { get; init; }
}
