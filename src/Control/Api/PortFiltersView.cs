namespace Forwarder.Api;

/// <summary>Receive filters of a port.</summary>
public sealed record PortFiltersView
{
    /// <summary>How multicast is received: filter, allMulticast, promiscuous, unfiltered (a virtual port without filters), failed, or none (not set yet).</summary>
    public string Multicast { get; set; } = "none";

    /// <summary>Multicast MAC addresses that are wanted: of neighbour discovery, VRRP, and groups of the host behind an exception port.</summary>
    public IReadOnlyList<string> MulticastMacs { get; set; } = [];

    /// <summary>Virtual router MAC addresses.</summary>
    public IReadOnlyList<VirtualMacView> VirtualMacs { get; set; } = [];
}
