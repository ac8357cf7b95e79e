using System.Net;

namespace Forwarder.Lab;

/// <summary>Asks the LAN again and again who has an address (RFC 826), under an address of its own, so that no host's neighbour table hides who answers.</summary>
public sealed class ArpProbe : FrameProbe
{
    private const string Sender = "172.16.200.200";
    private static readonly byte[] s_mac = [2, 0, 0, 0, 0xAA, 1];

    /// <summary>Starts it on port e0 of a namespace.</summary>
    public ArpProbe(Netns netns, string address, int everyMs)
        : this(netns, Request(s_mac, Sender, address), everyMs)
    {
    }

    private ArpProbe(Netns netns, byte[] request, int everyMs)
        : base(netns, _ => request, everyMs)
    {
    }

    /// <summary>The frame of such a question.</summary>
    public static byte[] Request(byte[] mac, string sender, string address) =>
    [
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, .. mac, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1,
        .. mac, .. IPAddress.Parse(sender).GetAddressBytes(), 0, 0, 0, 0, 0, 0, .. IPAddress.Parse(address).GetAddressBytes(),
    ];
}
