namespace Forwarder.Engine;

/// <summary>An address of IPv6 as it lies in memory, or of IPv4 in the low four bytes of the first word.</summary>
public struct SnatAddress
{
    /// <summary>Its halves.</summary>
    public ulong High, Low;
}
