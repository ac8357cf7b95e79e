namespace Forwarder.Engine;

/// <summary>What a FullNAT flow's server has been told of the client's address so far, see <see cref="ProxyTcp"/> and <see cref="Toa"/>.</summary>
public enum ClientAddressState : byte
{
    /// <summary>Nothing, and it will not be: the flow has not begun with a SYN while the service had the setting.</summary>
    None,
    /// <summary>The client's SYN has been seen, the server's not yet.</summary>
    Opening,
    /// <summary>The server waits for the header, or for the segment with the option that completes the handshake.</summary>
    Unsent,
    /// <summary>The header has been sent; the server has not acknowledged it.</summary>
    Sent,
    /// <summary>The server has the address. Late acknowledgments may still lie before the header's end.</summary>
    Received,
    /// <summary>The header is so far behind that its numbers may soon be used again.</summary>
    Past,
}
