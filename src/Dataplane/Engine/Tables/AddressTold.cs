using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>What a FullNAT flow's server has been told of the client's address, see <see cref="ProxyTcp"/> and <see cref="Toa"/>.</summary>
public struct AddressTold
{
    /// <summary>TCP sequence number of the client's first byte, once the server has said it.</summary>
    public uint First;
    /// <summary>How far it is.</summary>
    public ClientAddressState State;
    /// <summary>How it is told: as the service had it when the flow began.</summary>
    public ClientAddressMode Mode;
}
