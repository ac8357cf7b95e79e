namespace Forwarder.Abi;

/// <summary>What an address of the director is.</summary>
public enum LocalAddressKind : byte
{
    /// <summary>Empty entry of a hash table.</summary>
    None = 0,
    /// <summary>The director's own address (DIP): traffic goes to the host's kernel; ARP and ND are answered.</summary>
    Own = 1,
    /// <summary>Virtual IP: ARP, ND and ICMP echo are answered; only virtual services get traffic.</summary>
    Vip = 2,
    /// <summary>Source address of FullNAT and SNAT: ARP, ND and ICMP echo are answered; replies of servers come to it.</summary>
    Source = 3,
}
