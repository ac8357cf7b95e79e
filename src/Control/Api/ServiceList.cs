namespace Forwarder.Api;

/// <summary>Answer of GET /v1/services.</summary>
public sealed record ServiceList
{
    /// <summary>Generation of the snapshot in force.</summary>
    public ulong Generation { get; set; }

    /// <summary>Virtual services, sorted by id.</summary>
    public IReadOnlyList<ServiceView> Services { get; set; } = [];
}
