using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Forwarder.Lab;

/// <summary>
/// A server that wants the PROXY protocol's header first and then speaks first: it greets the client by the address that the header
/// names. After that it takes bytes, answers with their SHA-256 and sends them back. A thread in the real server's namespace.
/// </summary>
public sealed class ProxiedServer : IDisposable
{
    private const int FixedBytes = 16, PollUs = 200_000, TimeoutMs = 60_000, GreetingBytes = 64, SeedFactor = 7_919;
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <summary>Starts it on all addresses of a namespace.</summary>
    public ProxiedServer(Netns netns, int port)
    {
        using ManualResetEventSlim ready = new();
        _thread = netns.StartThread(() => Run(port, ready));
        ready.Wait();
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
        _thread.Join();
    }

    private static string Exchange(IPEndPoint server, int bytes, int seed)
    {
        using Socket socket = new(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = TimeoutMs, SendTimeout = TimeoutMs };
        if (!socket.ConnectAsync(server).Wait(TimeoutMs))
        {
            return "connect: no answer";
        }

        byte[] greeting = new byte[GreetingBytes], data = new byte[bytes], hash = new byte[SHA256.HashSizeInBytes], back = new byte[bytes];
        new Random(seed * SeedFactor).NextBytes(data);
        using NetworkStream stream = new(socket);
        stream.ReadExactly(greeting);
        string expected = $"{socket.LocalEndPoint} to {server}", said = Encoding.ASCII.GetString(greeting).TrimEnd();
        if (said != expected)
        {
            return $"greeted as {said}, not {expected}";
        }

        stream.Write(BitConverter.GetBytes(bytes));
        stream.Write(data);
        stream.ReadExactly(hash);
        stream.ReadExactly(back);
        return hash.AsSpan().SequenceEqual(SHA256.HashData(data)) && back.AsSpan().SequenceEqual(data) ? "" : "what arrived differs";
    }

    private void Run(int port, ManualResetEventSlim ready)
    {
        using Socket listener = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        listener.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        listener.Listen();
        ready.Set();
        while (!_stop)
        {
            if (listener.Poll(PollUs, SelectMode.SelectRead))
            {
                using Socket socket = listener.Accept();
                socket.ReceiveTimeout = socket.SendTimeout = TimeoutMs;
                try
                {
                    using NetworkStream stream = new(socket);
                    Serve(stream);
                }
                catch (IOException)
                {
                    // the client says what it missed
                }
            }
        }
    }

    private static void Serve(NetworkStream stream)
    {
        (IPEndPoint client, IPEndPoint vip) = ReadHeader(stream);
        stream.Write(Encoding.ASCII.GetBytes($"{client} to {vip}".PadRight(GreetingBytes)));
        byte[] size = new byte[sizeof(int)];
        stream.ReadExactly(size);
        byte[] data = new byte[BitConverter.ToInt32(size)];
        stream.ReadExactly(data);
        stream.Write(SHA256.HashData(data));
        stream.Write(data);
    }

    private static (IPEndPoint Client, IPEndPoint Vip) ReadHeader(NetworkStream stream)
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
