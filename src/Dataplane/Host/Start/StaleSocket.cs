using System.Net.Sockets;

namespace Forwarder.Dataplane;

/// <summary>
/// net_memif in the role of a server does not start when its socket's file is there already, and a killed process leaves it.
/// </summary>
public static class StaleSocket
{
    /// <summary>Removes the socket file of a memif server on which nobody listens.</summary>
    public static void Remove(string device)
    {
        bool isServer = device.StartsWith("net_memif", StringComparison.Ordinal) && EalArguments.Argument(device, "role") is "server" or "master";
        string? path = EalArguments.Argument(device, "socket");
        if (!isServer || EalArguments.Argument(device, "socket-abstract") != "no" || path == null || !File.Exists(path))
        {
            return;
        }

        using Socket socket = new(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
        }
        catch (SocketException)
        {
            return; // somebody else's file: the driver will say what is wrong
        }
    }
}
