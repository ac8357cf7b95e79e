using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Forwarder.Process.Tests;

/// <summary>Sends and receives whole frames on an interface of a network namespace (packet(7)).</summary>
public sealed class PacketSocket : IDisposable
{
    private const int FrameBytesMax = 10_000;
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[FrameBytesMax];

    public PacketSocket(string netns, string interfaceName)
    {
        Socket? socket = null;
        Exception? failure = null;
        // A socket belongs to the namespace of the thread that makes it; the thread ends with it.
        Thread thread = new(() =>
        {
            try
            {
                socket = Open(netns, interfaceName);
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        _socket = socket ?? throw new InvalidOperationException($"No packet socket on {interfaceName} in {netns}.", failure);
    }

    /// <summary>Sends a frame.</summary>
    public void Send(ReadOnlySpan<byte> frame) => _socket.Send(frame);

    /// <summary>The next frame that fits; fails after a while. Frames that do not fit are passed to <paramref name="other"/> and forgotten.</summary>
    public byte[] Receive(Func<byte[], bool> fits, string what, Action<byte[]>? other = null, int timeoutMs = 5_000)
    {
        byte[]? frame = TryReceive(fits, other, timeoutMs);
        Assert.True(frame != null, $"Not received within {timeoutMs} ms: {what}");
        return frame;
    }

    /// <summary>The next frame that fits, or null after a while.</summary>
    public byte[]? TryReceive(Func<byte[], bool> fits, Action<byte[]>? other = null, int timeoutMs = 500)
    {
        Stopwatch clock = Stopwatch.StartNew();
        for (long leftMs = timeoutMs; leftMs > 0; leftMs = timeoutMs - clock.ElapsedMilliseconds)
        {
            if (!_socket.Poll(TimeSpan.FromMilliseconds(leftMs), SelectMode.SelectRead))
            {
                return null;
            }

            byte[] frame = _buffer[.._socket.Receive(_buffer)];
            if (fits(frame))
            {
                return frame;
            }

            other?.Invoke(frame);
        }

        return null;
    }

    /// <summary>Throws away what has arrived.</summary>
    public void Drain()
    {
        while (_socket.Poll(TimeSpan.Zero, SelectMode.SelectRead))
        {
            _socket.Receive(_buffer);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static Socket Open(string netns, string interfaceName)
    {
        const int CloneNewNet = 0x4000_0000, IgnoreOutgoing = 23, SolPacket = 263;
        using SafeFileHandle file = File.OpenHandle($"/var/run/netns/{netns}", FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (Setns(file.DangerousGetHandle().ToInt32(), CloneNewNet) != 0)
        {
            throw new InvalidOperationException($"setns {netns}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        int index = (int)IfNameToIndex(interfaceName);
        Socket socket = new(AddressFamily.Packet, SocketType.Raw, (ProtocolType)BinaryPrimitives.ReverseEndianness((ushort)3));
        socket.ReceiveBufferSize = 4 << 20;
        socket.SetRawSocketOption(SolPacket, IgnoreOutgoing, [1, 0, 0, 0]);
        socket.Bind(new LinkEndPoint(index));
        return socket;
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int Setns(int fd, int kind);

    [DllImport("libc", EntryPoint = "if_nametoindex", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern uint IfNameToIndex(string name);

    /// <summary>struct sockaddr_ll: all protocols of an interface.</summary>
    private sealed class LinkEndPoint(int interfaceIndex) : EndPoint
    {
        private const int SockaddrBytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            SocketAddress address = new(AddressFamily.Packet, SockaddrBytes);
            address[2] = 0;
            address[3] = 3; // ETH_P_ALL
            for (int i = 0; i < sizeof(int); i++)
            {
                address[4 + i] = (byte)(interfaceIndex >> (8 * i));
            }

            return address;
        }
    }
}
