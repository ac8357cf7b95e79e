using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Sends SYNs for S1's VIP to one MAC address again and again, whoever has the VIP; each from another port.</summary>
public sealed class SynProbe(Netns netns, string mac, int everyMs) : FrameProbe(netns, sent => Frame(mac, sent), everyMs)
{
    private const int PortMin = 1_024, Ports = 60_000, TcpChecksum = 20 + 16;
    private const string Source = "172.16.200.201", SourceMac = "02:00:00:00:aa:02";

    /// <summary>Its TCP checksum is wrong, so that no server answers; a director in direct routing does not look at it.</summary>
    private static byte[] Frame(string mac, int sent) => Packet.Frame(mac, SourceMac, WithWrongSum(Packet.TcpSegment(Source, PortMin + (sent % Ports), S1Lab.Vip, 80, Packet.Syn)));

    /// <summary>A TCP segment whose checksum is off.</summary>
    public static byte[] WithWrongSum(byte[] segment)
    {
        segment[TcpChecksum] ^= 1;
        return segment;
    }
}
