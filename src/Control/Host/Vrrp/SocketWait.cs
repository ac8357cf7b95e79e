using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Forwarder.Control;

/// <summary>Waits for sockets with the clock's resolution: ppoll(2). The runtime's own waits cut to whole milliseconds, and turn the last one into a busy loop.</summary>
public sealed class SocketWait
{
    private const short Readable = 1;   // POLLIN
    private readonly PollFd[] _sockets;

    /// <summary>For these sockets, which must stay open while it is in use; none = a sleep.</summary>
    public SocketWait(IEnumerable<Socket> sockets) =>
        _sockets = [.. sockets.Select(s => new PollFd { Socket = (int)s.SafeHandle.DangerousGetHandle(), Events = Readable })];

    /// <summary>Returns when one of them can be read, or after so long.</summary>
    public void Until(long timeNs)
    {
        _ = PPoll(_sockets, (nuint)_sockets.Length, new Timespec(timeNs), 0);   // a signal or an error: the loop looks at the clock and at its sockets again
    }

    [DllImport("libc", EntryPoint = "ppoll")]
    private static extern int PPoll([In, Out] PollFd[] sockets, nuint count, in Timespec time, nint signals);

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Socket;
        public short Events, Found;
    }
}
