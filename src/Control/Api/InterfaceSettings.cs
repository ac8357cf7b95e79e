namespace Forwarder.Api;

/// <summary>A layer-3 interface: a port, or a VLAN on a port.</summary>
public sealed record InterfaceSettings
{
    /// <summary>Name, unique.</summary>
    public required string Name { get; init; }

    /// <summary>Name of the port.</summary>
    public required string Port { get; init; }

    /// <summary>VLAN id 1 to 4094, or null for untagged frames.</summary>
    public int? Vlan { get; set; }

    /// <summary>The director's own addresses with prefix length: "172.16.58.2/16", "fd20::11/64".</summary>
    public IReadOnlyList<string> Addresses { get; set; } = [];
}
