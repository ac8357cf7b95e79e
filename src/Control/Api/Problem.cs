namespace Forwarder.Api;

/// <summary>An error, as application/problem+json (RFC 9457).</summary>
public sealed record Problem
{
    /// <summary>A short name of the kind: "about:blank" or urn:forwarder:problem:NAME.</summary>
    public required string Type { get; init; }

    /// <summary>The kind in words.</summary>
    public required string Title { get; init; }

    /// <summary>HTTP status.</summary>
    public int Status { get; set; }

    /// <summary>What was wrong, and what is allowed.</summary>
    public required string Detail { get; init; }

    /// <summary>JSON pointer of the field at fault (RFC 6901), e.g. /services/0/servers/1/weight.</summary>
    public string? Pointer { get; set; }
}
