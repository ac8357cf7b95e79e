namespace Forwarder.Vrrp;

/// <summary>RFC 9568 section 6.4; the values are those of the VRRP MIB (RFC 6527).</summary>
public enum VrrpState : byte
{
    /// <summary>Not taking part: not started, waiting for the start delay, or at fault.</summary>
    Initialize = 1,

    /// <summary>Listens; owns nothing.</summary>
    Backup = 2,

    /// <summary>Owns the virtual addresses ("Master" before RFC 9568).</summary>
    Active = 3,
}
