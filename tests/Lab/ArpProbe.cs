using System.Net;

namespace Forwarder.Lab;

/// <summary>Asks the LAN again and again who has an address (RFC 826), under an address of its own, so that no host's neighbour table hides who answers.</summary>
public sealed class ArpProbe : IDisposable
{
    private const string Sender = "172.16.200.200";
    private static readonly byte[] s_mac = [2, 0, 0, 0, 0xAA, 1];
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <summary>Starts it on port e0 of a namespace.</summary>
    public ArpProbe(Netns netns, string address, int everyMs)
    {
        byte[] broadcast = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        byte[] frame =
        [
            .. broadcast, .. s_mac, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1,
            .. s_mac, .. IPAddress.Parse(Sender).GetAddressBytes(), 0, 0, 0, 0, 0, 0, .. IPAddress.Parse(address).GetAddressBytes(),
        ];
        RawPort port = new(netns, "e0");
        _thread = new Thread(() =>
        {
            using (port)
            {
                while (!_stop)
                {
                    port.Send(frame);
                    Thread.Sleep(everyMs);
                }
            }
        }) { IsBackground = true };
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }
}
