namespace Forwarder.Abi;

/// <summary>How a packet reaches the real server.</summary>
public enum ForwardingMethod : byte
{
    /// <summary>Direct routing: only the Ethernet header is rewritten (ipvsadm -g).</summary>
    DirectRouting = 0,
}
