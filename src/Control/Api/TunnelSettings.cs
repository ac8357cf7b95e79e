namespace Forwarder.Api;

/// <summary>How a tunnel carries packets to a real server: ipvsadm's --tun-type, --tun-port, --tun-csum.</summary>
public sealed record TunnelSettings
{
    /// <summary>"ipip" (nothing between the headers), "gue" (Generic UDP Encapsulation) or "gre".</summary>
    public string Type { get; set; } = "ipip";

    /// <summary>Destination port of the outer datagrams: "gue" needs it, others have none.</summary>
    public int? Port { get; set; }

    /// <summary>Whether the outer datagram ("gue") or the header ("gre") carries a checksum; null = no.</summary>
    public bool? Checksum { get; set; }
}
