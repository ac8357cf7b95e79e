namespace Forwarder.Abi;

/// <summary>What a tunnel puts between the outer IP header and the packet (ipvsadm --tun-type).</summary>
public enum Encapsulation : byte
{
    /// <summary>Nothing (RFC 2003, RFC 2473, RFC 4213).</summary>
    Ipip = 0,
    /// <summary>UDP and a header of Generic UDP Encapsulation, variant 0 without extensions (draft-ietf-intarea-gue).</summary>
    Gue = 1,
    /// <summary>Generic Routing Encapsulation, without or with checksum (RFC 2784).</summary>
    Gre = 2,
}
