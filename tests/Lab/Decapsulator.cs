using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Forwarder.Lab;

/// <summary>
/// The far end of IPIP tunnels in a namespace, in the place of tunl0 and ip6tnl0: takes protocols 4 and 41 off IPv4 and
/// IPv6 by raw sockets and gives what was inside to the kernel by the TUN device "tun0". Kernels without ipip and
/// ip6_tunnel can be real servers by it.
/// </summary>
public sealed class Decapsulator : IDisposable
{
    private const int Ipv4InIp = 4, Ipv6InIp = 41, PacketBytesMax = 65_535, ReceiveBufferBytes = 4 << 20, PollMs = 200;
    private const ulong TunSetIff = 0x400454CA;   // <linux/if_tun.h>
    private const short TunWithoutInformation = 0x1001;
    private readonly List<Thread> _threads = [];
    private SafeFileHandle? _tun;
    private volatile bool _stop;
    private int _packets4, _packets6;

    /// <summary>Starts it.</summary>
    public Decapsulator(Netns netns)
    {
        using ManualResetEventSlim ready = new();
        _threads.Add(netns.StartThread(() =>
        {
            _tun = Open("tun0");
            ready.Set();
        }));
        ready.Wait();
        netns.Run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.tun0.rp_filter=0 net.ipv6.conf.tun0.disable_ipv6=0");
        netns.Ip("link set tun0 up");
        foreach (AddressFamily family in (AddressFamily[])[AddressFamily.InterNetwork, AddressFamily.InterNetworkV6])
        {
            foreach (int protocol in (int[])[Ipv4InIp, Ipv6InIp])
            {
                using ManualResetEventSlim listening = new();
                _threads.Add(netns.StartThread(() => Work(_tun!, family, protocol, listening)));
                listening.Wait();
            }
        }
    }

    /// <summary>Packets that came in IPv4 and in IPv6.</summary>
    public (int In4, int In6) Packets => (_packets4, _packets6);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _threads.ForEach(t => t.Join());
        _tun!.Dispose();
    }

    private void Work(SafeFileHandle tun, AddressFamily family, int protocol, ManualResetEventSlim listening)
    {
        using Socket socket = RawSocket(family, protocol);
        (socket.ReceiveBufferSize, socket.ReceiveTimeout) = (ReceiveBufferBytes, PollMs);
        listening.Set();
        byte[] packet = new byte[PacketBytesMax];
        while (!_stop)
        {
            try
            {
                int bytes = socket.Receive(packet);
                int outer = family == AddressFamily.InterNetwork ? (packet[0] & 0xF) * 4 : 0;   // IPv6 raw sockets leave the header out (RFC 3542 section 3)
                Write(tun, ref packet[outer], bytes - outer);   // a packet that the kernel does not take is lost, as on a wire
                Interlocked.Increment(ref family == AddressFamily.InterNetwork ? ref _packets4 : ref _packets6);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
            {
            }
        }
    }

    // .NET's own constructor takes well-known protocols only.
    private static Socket RawSocket(AddressFamily family, int protocol)
    {
        const int SocketRaw = 3, Ipv4 = 2, Ipv6 = 10;   // <sys/socket.h>
        int descriptor = CreateSocket(family == AddressFamily.InterNetwork ? Ipv4 : Ipv6, SocketRaw, protocol);
        return descriptor >= 0 ? new Socket(new SafeSocketHandle(descriptor, ownsHandle: true)) : throw new InvalidOperationException($"socket: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    private static SafeFileHandle Open(string name)
    {
        SafeFileHandle file = File.OpenHandle("/dev/net/tun", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        byte[] request = new byte[40];
        System.Text.Encoding.ASCII.GetBytes(name).CopyTo(request, 0);
        BitConverter.GetBytes(TunWithoutInformation).CopyTo(request, 16);
        return Ioctl(file, TunSetIff, request) == 0 ? file : throw new InvalidOperationException($"TUNSETIFF: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [DllImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static extern int CreateSocket(int family, int kind, int protocol);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    private static extern nint Write(SafeFileHandle file, ref byte data, nint bytes);

    [DllImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static extern int Ioctl(SafeFileHandle file, ulong request, byte[] argument);
}
