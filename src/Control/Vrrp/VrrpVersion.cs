namespace Forwarder.Vrrp;

/// <summary>Protocol version; the value is the one on the wire.</summary>
public enum VrrpVersion : byte
{
    /// <summary>RFC 3768, with the authentication fields of RFC 2338.</summary>
    V2 = 2,

    /// <summary>RFC 9568.</summary>
    V3 = 3,
}
