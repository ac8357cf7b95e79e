namespace Forwarder.Api;

/// <summary>Source addresses of FullNAT and SNAT (also called local addresses, or a SNAT pool): the director alone uses and answers for them.</summary>
public sealed record SourcePoolSettings
{
    /// <summary>Name, unique.</summary>
    public required string Name { get; init; }

    /// <summary>Addresses of one or both families, each in a network of an interface. One takes 64,512 TCP and as many UDP flows.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }
}
