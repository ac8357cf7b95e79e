using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Forwarder.Lab;

namespace Forwarder.Nic.Tests;

/// <summary>Sends and receives whole Ethernet frames on an interface of a network namespace (packet(7)).</summary>
public sealed class RawFrames : IDisposable
{
    private const int FrameBytesMax = 2048;
    private const ushort AllProtocols = 0x0003;

    private readonly Socket _socket;

    /// <summary>Opens a socket on an interface.</summary>
    public RawFrames(Netns netns, string port)
    {
        Socket? socket = null;
        netns.StartThread(() => socket = Open(port)).Join();
        _socket = socket!;
    }

    /// <summary>Sends a frame.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        _ = _socket.Send(frame);
    }

    /// <summary>Collects what arrives, frames sent from here not included.</summary>
    public IReadOnlyList<byte[]> Receive(TimeSpan duration)
    {
        var frames = new List<byte[]>();
        byte[] buffer = new byte[FrameBytesMax];
        DateTime end = DateTime.UtcNow + duration;
        while (end - DateTime.UtcNow is { Ticks: > 0 } left)
        {
            if (_socket.Poll(left, SelectMode.SelectRead))
            {
                frames.Add(buffer[.._socket.Receive(buffer)]);
            }
        }

        return frames;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
    }

    private static Socket Open(string port)
    {
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, 0);
        socket.Bind(new PacketEndPoint((int)NameToIndex(port)));
        return socket;
    }

    [DllImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false)]
    private static extern uint NameToIndex([MarshalAs(UnmanagedType.LPUTF8Str)] string name);

    /// <summary>struct sockaddr_ll with the members that bind needs.</summary>
    private sealed class PacketEndPoint(int index) : EndPoint
    {
        private const int AddressBytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily, AddressBytes);
            Span<byte> bytes = address.Buffer.Span;
            BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], AllProtocols);
            BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], index);
            return address;
        }
    }
}
