namespace Forwarder.Vrrp;

/// <summary>Authentication of version 2 (RFC 2338 section 5.3.6); the values are those on the wire.</summary>
public enum VrrpAuthType : byte
{
    None = 0,

    /// <summary>Eight bytes of text in the clear: guards against mistakes, not against an attacker.</summary>
    SimpleText = 1,

    /// <summary>IP Authentication Header: named here so that it can be refused under its own name.</summary>
    AuthenticationHeader = 2,
}
