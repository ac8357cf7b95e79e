namespace Forwarder.Abi;

/// <summary>How servers behind FullNAT learn the address of a client.</summary>
public enum ClientAddressMode : byte
{
    /// <summary>Not at all.</summary>
    None = 0,
    /// <summary>By a header of the PROXY protocol, version 2, before the client's first byte of TCP, before each datagram of UDP.</summary>
    ProxyV2 = 1,
    /// <summary>By a TCP option of kind 254 (TOA) in the segments that open a connection.</summary>
    Toa = 2,
}
