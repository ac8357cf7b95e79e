namespace Forwarder.Abi;

/// <summary>How a packet reaches the real server.</summary>
public enum ForwardingMethod : byte
{
    /// <summary>Direct routing: only the Ethernet header is rewritten (ipvsadm -g).</summary>
    DirectRouting = 0,
    /// <summary>The packet travels in another IP packet, IPv4 or IPv6 (ipvsadm -i), see <see cref="Encapsulation"/>.</summary>
    Tunnel = 1,
    /// <summary>The destination is rewritten, and the source of the reply, which comes back this way (ipvsadm -m).</summary>
    Nat = 2,
    /// <summary>As <see cref="Nat"/>, and the source becomes an address and port of the director: replies come back without routes.</summary>
    FullNat = 3,
    /// <summary>No server of a service, but the way out for packets of inside hosts (SNAT): the source is rewritten as with <see cref="FullNat"/>, the destination stays.</summary>
    SourceNat = 4,
}
