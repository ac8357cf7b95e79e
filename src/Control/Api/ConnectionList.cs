namespace Forwarder.Api;

/// <summary>Answer of GET /v1/connections.</summary>
public sealed record ConnectionList
{
    /// <summary>Flows.</summary>
    public IReadOnlyList<ConnectionView> Connections { get; set; } = [];

    /// <summary>Cursor of the next page, null = last.</summary>
    public string? Next { get; set; }
}
