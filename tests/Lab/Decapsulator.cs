using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Forwarder.Lab;

/// <summary>
/// The far end of tunnels in a namespace, in the place of tunl0, ip6tnl0, fou and gre devices: takes protocols 4, 41, GRE and, at
/// <see cref="GuePort"/>, UDP off IPv4 and IPv6 by raw sockets and gives what was inside to the kernel by the TUN device "tun0".
/// Kernels without such devices can be real servers by it. What is not right in a header, a checksum too, is not taken.
/// </summary>
public sealed class Decapsulator : IDisposable
{
    private const int Ipv4InIp = 4, Ipv6InIp = 41, Udp = 17, Gre = 47, PacketBytesMax = 65_535, ReceiveBufferBytes = 4 << 20, PollMs = 200;
    private const ulong TunSetIff = 0x400454CA;   // <linux/if_tun.h>
    private const short TunWithoutInformation = 0x1001;

    /// <summary>Where it takes GUE.</summary>
    public const int GuePort = 6080;

    private readonly List<Thread> _threads = [];
    private SafeFileHandle? _tun;
    private volatile bool _stop;
    private int _packets4, _packets6, _bad;
    private readonly int[] _byProtocol = new int[256];

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
            foreach (int protocol in (int[])[Ipv4InIp, Ipv6InIp, Udp, Gre])
            {
                using ManualResetEventSlim listening = new();
                _threads.Add(netns.StartThread(() => Work(_tun!, family, protocol, listening)));
                listening.Wait();
            }
        }
    }

    /// <summary>Packets that came in IPv4 and in IPv6.</summary>
    public (int In4, int In6) Packets => (_packets4, _packets6);

    /// <summary>Packets that were no IPIP, GUE or GRE as they should be.</summary>
    public int Bad => _bad;

    /// <summary>Packets by what the outer header called them: 4, 41, 17 (GUE) or 47 (GRE).</summary>
    public int Of(int protocol) => _byProtocol[protocol];

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
                int headers = HeaderBytes(packet.AsSpan(outer, bytes - outer), protocol);
                if (headers < 0)
                {
                    Interlocked.Add(ref _bad, protocol == Udp && !IsGue(packet.AsSpan(outer, bytes - outer)) ? 0 : 1);
                    continue;
                }

                Write(tun, ref packet[outer + headers], bytes - outer - headers);   // a packet that the kernel does not take is lost, as on a wire
                Interlocked.Increment(ref family == AddressFamily.InterNetwork ? ref _packets4 : ref _packets6);
                Interlocked.Increment(ref _byProtocol[protocol]);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock)
            {
            }
        }
    }

    /// <summary>Bytes before the inner packet, or -1. A GUE datagram's checksum over addresses is left to golden cases: raw IPv6 sockets do not tell them.</summary>
    private static int HeaderBytes(Span<byte> packet, int protocol)
    {
        switch (protocol)
        {
            case Udp:
                bool sound = IsGue(packet) && packet.Length > 12 && packet[8] == 0 && packet[10] == 0 && packet[11] == 0 && ((packet[4] << 8) | packet[5]) == packet.Length;
                return sound && packet[9] == (packet[12] >> 4 == 4 ? Ipv4InIp : Ipv6InIp) ? 12 : -1;
            case Gre:
                int headers = packet.Length > 8 && packet[0] == 0x80 ? 8 : 4;
                bool known = packet.Length > headers && packet[0] is 0 or 0x80 && packet[1] == 0 && (headers == 4 || Sum(packet) == 0xFFFF);
                return known && ((packet[2] << 8) | packet[3]) == (packet[headers] >> 4 == 4 ? 0x0800 : 0x86DD) ? headers : -1;
            default:
                return 0;
        }
    }

    private static bool IsGue(Span<byte> datagram) => datagram.Length >= 8 && ((datagram[2] << 8) | datagram[3]) == GuePort;

    private static int Sum(Span<byte> bytes)
    {
        int sum = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            sum += bytes[i] << (i % 2 == 0 ? 8 : 0);
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return sum;
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
