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

    /// <summary>On an interface of a namespace, given by its name or by a path of proc(5).</summary>
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

            byte[] frame = ReceiveOne();
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

    /// <summary>The next frame. The kernel has taken an outer VLAN tag out of it and tells it beside the frame (PACKET_AUXDATA): it is put back.</summary>
    private unsafe byte[] ReceiveOne()
    {
        const int ControlBytes = 64, AuxdataOffset = 16, VlanValid = 1 << 4;
        byte* control = stackalloc byte[ControlBytes];
        fixed (byte* buffer = _buffer)
        {
            nint* vector = stackalloc nint[2] { (nint)buffer, _buffer.Length };
            MessageHeader header = new() { Vector = (nint)vector, VectorCount = 1, Control = (nint)control, ControlBytes = ControlBytes };
            int length = (int)ReceiveMessage(_socket.Handle.ToInt32(), &header, 0);
            Assert.True(length >= 0, Marshal.GetLastPInvokeErrorMessage());
            uint status = header.ControlBytes > 0 ? *(uint*)(control + AuxdataOffset) : 0;
            byte[] frame = _buffer[..length];
            ushort tag = *(ushort*)(control + AuxdataOffset + 16);
            return (status & VlanValid) == 0 ? frame : [.. frame[..12], 0x81, 0x00, (byte)(tag >> 8), (byte)tag, .. frame[12..]];
        }
    }

    private static Socket Open(string netns, string interfaceName)
    {
        const int CloneNewNet = 0x4000_0000, IgnoreOutgoing = 23, Auxdata = 8, SolPacket = 263;
        using SafeFileHandle file = File.OpenHandle(netns.StartsWith('/') ? netns : $"/var/run/netns/{netns}", FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (Setns(file.DangerousGetHandle().ToInt32(), CloneNewNet) != 0)
        {
            throw new InvalidOperationException($"setns {netns}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        int index = (int)IfNameToIndex(interfaceName);
        Socket socket = new(AddressFamily.Packet, SocketType.Raw, (ProtocolType)BinaryPrimitives.ReverseEndianness((ushort)3));
        socket.ReceiveBufferSize = 4 << 20;
        socket.SetRawSocketOption(SolPacket, IgnoreOutgoing, [1, 0, 0, 0]);
        socket.SetRawSocketOption(SolPacket, Auxdata, [1, 0, 0, 0]);
        socket.Bind(new LinkEndPoint(index));
        return socket;
    }

    [DllImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static extern int Setns(int fd, int kind);

    [DllImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static extern unsafe nint ReceiveMessage(int fd, MessageHeader* header, int flags);

    [DllImport("libc", EntryPoint = "if_nametoindex", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern uint IfNameToIndex(string name);

    /// <summary>struct msghdr.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct MessageHeader
    {
        public nint Name, NameBytes, Vector, VectorCount, Control, ControlBytes;
        public int Flags;
    }

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
