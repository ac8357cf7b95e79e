using System.Buffers.Binary;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Forwarder.Control;

/// <summary>
/// Whole VRRP frames of one interface and VLAN (packet(7)); for both families, with their IP headers. It belongs to the
/// network namespace of the thread that makes it.
/// </summary>
public sealed class VrrpSocket : IDisposable
{
    /// <summary>Bytes of an Ethernet header without a tag.</summary>
    public const int EthernetBytes = 14;

    private const int FrameBytesMax = 10_000, ReceiveBytes = 1 << 20;
    private const int SolSocket = 1, SoAttachFilter = 26, SolPacket = 263, PacketIgnoreOutgoing = 23;
    private const nuint SiocGStampNs = 0x8907;
    private const ushort ProtocolAll = 3;

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[FrameBytesMax];
    private long _emptyNs = VrrpLoop.NowNs;

    /// <summary>Opens it on an interface, for frames with this VLAN id, or 0: without a tag.</summary>
    /// <exception cref="IOException">There is no such interface, or the right is missing (CAP_NET_RAW).</exception>
    public VrrpSocket(string device, ushort vlan)
    {
        NetworkInterface link = Find(device) ?? throw new IOException($"VRRP: there is no network interface \"{device}\".");
        Mac = link.GetPhysicalAddress().GetAddressBytes();
        try
        {
            // Protocol 0 until the filter is set: nothing may come in before.
            _socket = new Socket(AddressFamily.Packet, SocketType.Raw, 0) { Blocking = false, ReceiveBufferSize = ReceiveBytes };
            Attach(_socket, VrrpFilter.Make(vlan));
            _socket.SetRawSocketOption(SolPacket, PacketIgnoreOutgoing, [1, 0, 0, 0]);
            _ = GetStamp(Handle, SiocGStampNs, out _);   // the first question makes the kernel keep times
            _socket.Bind(new LinkEndPoint(link.GetIPProperties().GetIPv4Properties().Index));
        }
        catch (SocketException e)
        {
            _socket?.Dispose();
            throw new IOException($"VRRP: no packet socket on \"{device}\": {e.Message}", e);
        }
    }

    private static NetworkInterface? Find(string device)
    {
        try
        {
            return NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(n => n.Name == device);
        }
        catch (NetworkInformationException e)
        {
            throw new IOException($"VRRP: network interfaces cannot be listed: {e.Message}", e);
        }
    }

    /// <summary>MAC address of the interface.</summary>
    public IReadOnlyList<byte> Mac { get; }

    internal Socket Socket => _socket;

    private int Handle => (int)_socket.SafeHandle.DangerousGetHandle();

    /// <summary>The next IP packet, valid until the next call; empty if none waits.</summary>
    /// <param name="ageNs">How long it has waited here.</param>
    public ReadOnlySpan<byte> Receive(out long ageNs)
    {
        int length = _socket.Receive(_buffer, SocketFlags.None, out SocketError error);
        bool any = error == SocketError.Success && length > EthernetBytes;
        ageNs = any ? AgeNs() : 0;
        _emptyNs = error == SocketError.WouldBlock ? VrrpLoop.NowNs : _emptyNs;
        return any ? _buffer.AsSpan(EthernetBytes, length - EthernetBytes) : default;
    }

    /// <summary>Throws away what waits: it came in while nobody listened.</summary>
    public void Discard()
    {
        while (!Receive(out _).IsEmpty)
        {
        }
    }

    /// <summary>By the kernel's time of arrival, which the wall clock counts; no packet is older than the last look that found none, should that clock be set.</summary>
    private long AgeNs()
    {
        long sinceNs = VrrpLoop.NowNs - _emptyNs;
        long wallNs = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        return GetStamp(Handle, SiocGStampNs, out Timespec at) == 0 ? Math.Clamp(wallNs - at.Ns, 0, sinceNs) : sinceNs;
    }

    [DllImport("libc", EntryPoint = "ioctl")]
    private static extern int GetStamp(int socket, nuint request, out Timespec at);

    /// <summary>Sends a frame; false if the interface did not take it (it is down, or its queue is full).</summary>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        _socket.Send(frame, SocketFlags.None, out SocketError error);
        return error == SocketError.Success;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static void Attach(Socket socket, byte[] program)
    {
        GCHandle pinned = GCHandle.Alloc(program, GCHandleType.Pinned);
        try
        {
            // struct sock_fprog: count of instructions, then a pointer to them.
            byte[] fprog = new byte[2 * nint.Size];
            BinaryPrimitives.WriteUInt16LittleEndian(fprog, (ushort)(program.Length / VrrpFilter.InstructionBytes));
            BinaryPrimitives.WriteInt64LittleEndian(fprog.AsSpan(nint.Size), pinned.AddrOfPinnedObject());
            socket.SetRawSocketOption(SolSocket, SoAttachFilter, fprog);
        }
        finally
        {
            pinned.Free();
        }
    }

    /// <summary>struct sockaddr_ll.</summary>
    private sealed class LinkEndPoint(int index) : EndPoint
    {
        private const int SockaddrBytes = 20;

        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            SocketAddress address = new(AddressFamily.Packet, SockaddrBytes);
            address[2] = ProtocolAll >> 8;
            address[3] = (byte)ProtocolAll;
            for (int i = 0; i < sizeof(int); i++)
            {
                address[4 + i] = (byte)(index >> (8 * i));
            }

            return address;
        }
    }
}
