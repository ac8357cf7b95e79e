namespace Forwarder.Engine;

/// <summary>
/// Which frames go to housekeeping before all others, so that a flood can neither depose an active director nor make a backup
/// one believe that the active one is gone.
/// </summary>
public enum Urgency
{
    /// <summary>Waits its turn.</summary>
    None,

    /// <summary>ARP, neighbour discovery: VIPs are to be answered for.</summary>
    Neighbour,

    /// <summary>VRRP advertisements.</summary>
    Vrrp,
}

/// <summary>Tells how urgent a frame is; it may be cut anywhere.</summary>
public static unsafe class Urgencies
{
    private const int Ipv4ProtocolAt = 9, Ipv6NextHeaderAt = 6;
    private const byte Vrrp = 112, RouterSolicitation = 133, Redirect = 137;

    /// <summary>How urgent a frame is, with or without a VLAN tag.</summary>
    public static Urgency Of(byte* frame, uint length)
    {
        if (length < Wire.EthernetBytes + Wire.VlanTagBytes + Wire.Ipv4Bytes)
        {
            return Urgency.None;
        }

        int l3 = *(ushort*)(frame + 12) == Wire.Vlan ? Wire.EthernetBytes + Wire.VlanTagBytes : Wire.EthernetBytes;
        return *(ushort*)(frame + l3 - 2) switch
        {
            Wire.Arp => Urgency.Neighbour,
            Wire.Ipv4 => frame[l3 + Ipv4ProtocolAt] == Vrrp ? Urgency.Vrrp : Urgency.None,
            Wire.Ipv6 when length > (uint)(l3 + Wire.Ipv6Bytes) => OfIpv6(frame + l3),
            _ => Urgency.None,
        };
    }

    private static Urgency OfIpv6(byte* ip) => ip[Ipv6NextHeaderAt] switch
    {
        Vrrp => Urgency.Vrrp,
        Wire.Icmpv6 when ip[Wire.Ipv6Bytes] is >= RouterSolicitation and <= Redirect => Urgency.Neighbour,
        _ => Urgency.None,
    };
}
