using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Forwarder.Lab;

/// <summary>
/// A server that wants the PROXY protocol's header first and then speaks first: it greets the client by the address that the header
/// names. After that it takes bytes, answers with their SHA-256 and sends them back. A datagram with a header is answered by such a greeting and what it holds. Threads in the real server's namespace.
/// </summary>
public sealed class ProxiedServer : IDisposable
{
    private const int FixedBytes = 16, PollUs = 200_000, TimeoutMs = 60_000, GreetingBytes = 64, DatagramTimeoutMs = 3_000;
    private readonly Thread[] _threads;
    private volatile bool _stop;

    /// <summary>Starts it on all addresses of a namespace.</summary>
    public ProxiedServer(Netns netns, int port)
    {
        using CountdownEvent ready = new(2);
        _threads = [netns.StartThread(() => HashedStream.Listen(port, ready, TimeoutMs, () => _stop, Serve)), netns.StartThread(() => Datagrams(port, ready))];
        ready.Wait();
    }

    /// <summary>From a namespace: sends a datagram. Returns what was wrong with the answer, or nothing.</summary>
    public static string Ask(Netns client, string address, int port, int bytes)
    {
        string wrong = "";
        client.StartThread(() =>
        {
            using Socket socket = new(IPAddress.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = DatagramTimeoutMs };
            byte[] sent = RandomNumberGenerator.GetBytes(bytes), back = new byte[ushort.MaxValue];
            socket.Connect(IPAddress.Parse(address), port);
            byte[] expected = [.. Greeting((IPEndPoint)socket.LocalEndPoint!, (IPEndPoint)socket.RemoteEndPoint!), .. sent];
            try
            {
                _ = socket.Send(sent);
                int got = socket.Receive(back);
                wrong = back.AsSpan(0, got).SequenceEqual(expected) ? "" : $"{bytes} bytes: the answer is {Encoding.ASCII.GetString(back.AsSpan(0, Math.Min(got, GreetingBytes)))}, {got} bytes";
            }
            catch (SocketException e)
            {
                wrong = $"{bytes} bytes: {e.SocketErrorCode}";
            }
        }).Join();
        return wrong;
    }

    /// <summary>From a namespace: waits for the greeting without a word, then sends and receives this many bytes. Returns what was wrong, or nothing.</summary>
    public static string Exchange(Netns client, string address, int port, int bytes, int seed)
    {
        string wrong = "";
        client.StartThread(() =>
        {
            try
            {
                wrong = Exchange(new IPEndPoint(IPAddress.Parse(address), port), bytes, seed);
            }
            catch (Exception e) when (e is SocketException or IOException or AggregateException)
            {
                wrong = e.Message;
            }
        }).Join();
        return wrong;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        Array.ForEach(_threads, t => t.Join());
    }

    private static string Exchange(IPEndPoint server, int bytes, int seed)
    {
        using Socket socket = HashedStream.Connect(server, TimeoutMs);
        using NetworkStream stream = new(socket);
        byte[] greeting = new byte[GreetingBytes];
        stream.ReadExactly(greeting);
        string expected = $"{socket.LocalEndPoint} to {server}", said = Encoding.ASCII.GetString(greeting).TrimEnd();
        return said != expected ? $"greeted as {said}, not {expected}" : HashedStream.Exchange(stream, bytes, seed) ? "" : "what arrived differs";
    }

    private static void Serve(NetworkStream stream)
    {
        (IPEndPoint client, IPEndPoint vip) = ReadHeader(stream);
        stream.Write(Greeting(client, vip));
        HashedStream.Answer(stream);
    }

    private static byte[] Greeting(IPEndPoint client, IPEndPoint vip) => Encoding.ASCII.GetBytes($"{client} to {vip}".PadRight(GreetingBytes));

    private void Datagrams(int port, CountdownEvent ready)
    {
        using Socket socket = new(AddressFamily.InterNetworkV6, SocketType.Dgram, ProtocolType.Udp) { DualMode = true };
        socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        ready.Signal();
        byte[] data = new byte[ushort.MaxValue];
        while (!_stop)
        {
            if (socket.Poll(PollUs, SelectMode.SelectRead))
            {
                EndPoint from = new IPEndPoint(IPAddress.IPv6Any, 0);
                using MemoryStream datagram = new(data, 0, socket.ReceiveFrom(data, ref from));
                (IPEndPoint client, IPEndPoint vip) = ReadHeader(datagram);
                _ = socket.SendTo([.. Greeting(client, vip), .. data.AsSpan((int)datagram.Position, (int)(datagram.Length - datagram.Position))], from);
            }
        }
    }

    private static (IPEndPoint Client, IPEndPoint Vip) ReadHeader(Stream stream)
    {
        byte[] start = new byte[FixedBytes];
        stream.ReadExactly(start);
        if (!start.AsSpan(0, 13).SequenceEqual("\r\n\r\n\0\r\nQUIT\n\x21"u8))
        {
            throw new IOException("no header of the PROXY protocol");
        }

        byte[] rest = new byte[BinaryPrimitives.ReadUInt16BigEndian(start.AsSpan(14))];
        stream.ReadExactly(rest);
        int bytes = start[13] >> 4 == 1 ? 4 : 16;
        return (new IPEndPoint(new IPAddress(rest.AsSpan(0, bytes)), BinaryPrimitives.ReadUInt16BigEndian(rest.AsSpan(2 * bytes))),
            new IPEndPoint(new IPAddress(rest.AsSpan(bytes, bytes)), BinaryPrimitives.ReadUInt16BigEndian(rest.AsSpan((2 * bytes) + 2))));
    }
}
