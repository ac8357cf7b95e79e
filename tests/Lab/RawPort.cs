using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Forwarder.Lab;

/// <summary>Sends and receives whole frames on an interface of a namespace (packet(7)); also those for other hosts.</summary>
public sealed class RawPort : IDisposable
{
    private const int FrameBytesMax = 10_000, AllProtocols = 3, SolPacket = 263, IgnoreOutgoing = 23;   // <linux/if_packet.h>
    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[FrameBytesMax];

    /// <summary>On an interface of a namespace.</summary>
    public RawPort(Netns netns, string interfaceName)
    {
        Socket? socket = null;
        // A socket belongs to the namespace of the thread that makes it.
        netns.StartThread(() =>
        {
            int index = NetworkInterface.GetAllNetworkInterfaces().Single(i => i.Name == interfaceName).GetIPProperties().GetIPv4Properties().Index;
            socket = new Socket(AddressFamily.Packet, SocketType.Raw, (ProtocolType)BinaryPrimitives.ReverseEndianness((ushort)AllProtocols));
            socket.SetRawSocketOption(SolPacket, IgnoreOutgoing, [1, 0, 0, 0]);
            socket.Bind(new LinkEndPoint(index));
        }).Join();
        _socket = socket!;
    }

    /// <summary>Sends a frame.</summary>
    public void Send(ReadOnlySpan<byte> frame) => _socket.Send(frame);

    /// <summary>Sends a frame; nothing happens if the interface does not take it.</summary>
    public void TrySend(ReadOnlySpan<byte> frame) => _socket.Send(frame, SocketFlags.None, out _);

    /// <summary>The next frame that fits, or null after a while. Others are forgotten.</summary>
    public byte[]? Receive(Func<byte[], bool> fits, int timeoutMs)
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
        }

        return null;
    }

    /// <summary>Forgets what has arrived.</summary>
    public void Drain()
    {
        while (_socket.Poll(TimeSpan.Zero, SelectMode.SelectRead))
        {
            _socket.Receive(_buffer);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>struct sockaddr_ll: all protocols of an interface.</summary>
    private sealed class LinkEndPoint(int interfaceIndex) : EndPoint
    {
        private const int SockaddrBytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            SocketAddress address = new(AddressFamily.Packet, SockaddrBytes);
            address[2] = 0;
            address[3] = AllProtocols;
            for (int i = 0; i < sizeof(int); i++)
            {
                address[4 + i] = (byte)(interfaceIndex >> (8 * i));
            }

            return address;
        }
    }
}
