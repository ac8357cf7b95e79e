namespace Forwarder.Engine;

/// <summary>The director's end of a FullNAT flow, beside the flow's value.</summary>
public struct LocalEnd
{
    /// <summary>Source address and local port, see <see cref="LocalPorts"/>; 0 = none.</summary>
    public uint Word;
    /// <summary>TCP sequence number of the client's first byte, once the server has said it.</summary>
    public uint First;
    /// <summary>What the server knows of the client's address.</summary>
    public ClientAddressState Address;
}
