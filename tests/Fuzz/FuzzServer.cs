using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>A real server as the second reading knows it. Addresses are in network order, ports are numbers; a tunnel's source is its outer one, and its port that of GUE.</summary>
public sealed record FuzzServer(int Slot, ForwardingMethod Method, byte[] Address, int Port, int Egress, int Vlan, int MtuBytes, uint NextHop, int Weight, byte[] Source)
{
    /// <summary>Kind of tunnel: "ipip", "gue" or "gre", with a checksum or without.</summary>
    public (string Kind, bool Summed) Tunnel { get; init; } = ("ipip", false);

    /// <summary>Thresholds of connections, 0 = not set.</summary>
    public (int Upper, int Lower) Thresholds { get; set; }
}
