using Forwarder.Abi;

namespace Forwarder.Bench;

/// <summary>A forwarding method and IP version that is measured.</summary>
/// <param name="Name">Its name on the command line and in the result.</param>
/// <param name="Title">What it is.</param>
/// <param name="Expect">What the generator checks in packets of the dataplane and the reference; the reference's name of the method, too.</param>
/// <param name="Forwarding">The method.</param>
/// <param name="IpVersion">Of clients and VIP. Tunnels' outer headers are IPv4.</param>
/// <param name="Encapsulation">What tunnels put between.</param>
public sealed record BenchMethod(string Name, string Title, string Expect, ForwardingMethod Forwarding, byte IpVersion, Encapsulation Encapsulation = Encapsulation.Ipip)
{
    /// <summary>All of them.</summary>
    public static readonly IReadOnlyList<BenchMethod> All =
    [
        new("dr", "direct routing", "dr", ForwardingMethod.DirectRouting, 4),
        new("dr6", "direct routing, IPv6", "dr", ForwardingMethod.DirectRouting, 6),
        new("ipip", "IPIP", "ipip", ForwardingMethod.Tunnel, 4),
        new("gue", "GUE", "gue", ForwardingMethod.Tunnel, 4, Encapsulation.Gue),
        new("nat", "NAT", "nat", ForwardingMethod.Nat, 4),
        new("nat6", "NAT, IPv6", "nat", ForwardingMethod.Nat, 6),
        new("fullnat", "FullNAT", "fullnat", ForwardingMethod.FullNat, 4),
        new("fullnat6", "FullNAT, IPv6", "fullnat", ForwardingMethod.FullNat, 6),
    ];

    /// <summary>Whether servers' answers come this way: half of the packets are answers then.</summary>
    public bool IsTwoWay => Forwarding is ForwardingMethod.Nat or ForwardingMethod.FullNat;

    /// <summary>Finds a method by name.</summary>
    /// <exception cref="BenchException">There is none.</exception>
    public static BenchMethod Find(string name) =>
        All.FirstOrDefault(m => m.Name == name) ?? throw new BenchException($"Unknown method {name}: {string.Join(", ", All.Select(m => m.Name))} are known.");
}
