using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Forwarder.Control;

/// <summary>Who is at the other end of the Unix socket (SO_PEERCRED, unix(7)).</summary>
public sealed record PeerCredentials(int Pid, int Uid)
{
    /// <summary>Key in a connection's items.</summary>
    public const string ItemKey = "peer";

    private const int SolSocket = 1, SoPeerCred = 17, CredentialBytes = 12;

    /// <summary>Asks the kernel.</summary>
    public static PeerCredentials? Of(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[CredentialBytes];
        try
        {
            socket.GetRawSocketOption(SolSocket, SoPeerCred, credentials);
        }
        catch (SocketException)
        {
            return null;
        }

        return new PeerCredentials(MemoryMarshal.Read<int>(credentials), MemoryMarshal.Read<int>(credentials[4..]));
    }
}
