namespace Forwarder.Vrrp;

/// <summary>What the IP layer says about a received message, and the message.</summary>
public readonly ref struct VrrpDatagram
{
    public VrrpDatagram(VrrpAddress source, VrrpAddress destination, byte ttl, ReadOnlySpan<byte> message)
    {
        Source = source;
        Destination = destination;
        Ttl = ttl;
        Message = message;
    }

    public VrrpAddress Source { get; }

    public VrrpAddress Destination { get; }

    /// <summary>TTL of IPv4, hop limit of IPv6.</summary>
    public byte Ttl { get; }

    public ReadOnlySpan<byte> Message { get; }
}
