using System.Net.Sockets;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Raw sockets that take VRRP's protocol and read nothing: without them the host's kernel answers each unicast advertisement
/// with an ICMP error, since nobody seems to listen (the loop's packet sockets do not count for it).
/// </summary>
public sealed class VrrpSink : IDisposable
{
    private readonly List<Socket> _sockets = [];

    /// <summary>Opens them; a family that the host does not have is left out.</summary>
    public VrrpSink()
    {
        foreach (AddressFamily family in (ReadOnlySpan<AddressFamily>)[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            try
            {
                Socket socket = new(family, SocketType.Raw, (ProtocolType)VrrpLimits.IpProtocol);
                _sockets.Add(socket);
                // Filtered, not left to fill up: Linux counts a socket with a full buffer as nobody.
                VrrpSocket.Attach(socket, VrrpFilter.Nothing);
            }
            catch (SocketException)
            {
                // The peer gets ICMP errors, which it ignores.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _sockets.ForEach(s => s.Dispose());
}
