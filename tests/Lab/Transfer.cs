using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Forwarder.Lab;

/// <summary>
/// A server that takes a given number of bytes on each TCP connection, answers with their SHA-256 and sends the same
/// number of bytes back; and UDP echo on the same port. Threads of the lab's process in the real server's namespace.
/// </summary>
public sealed class Transfer : IDisposable
{
    private const int ChunkBytes = 64 << 10, PollUs = 200_000, TimeoutMs = 30_000;
    private readonly List<Thread> _threads = [];
    private volatile bool _stop;

    /// <summary>Starts it in a namespace: TCP on all addresses, UDP on these.</summary>
    public Transfer(Netns netns, int port, params string[] addresses)
    {
        using CountdownEvent ready = new(1 + addresses.Length);
        _threads.Add(netns.StartThread(() => HashedStream.Listen(port, ready, TimeoutMs, () => _stop, HashedStream.Answer)));
        foreach (string address in addresses)
        {
            _threads.Add(netns.StartThread(() => Udp(new IPEndPoint(IPAddress.Parse(address), port), ready)));
        }

        ready.Wait();
    }

    /// <summary>Sends and receives this many bytes from a namespace; false if something arrived changed.</summary>
    public static bool Run(Netns client, string address, int port, int bytes, int seed)
    {
        bool same = false;
        Exception? fault = null;
        Thread thread = client.StartThread(() =>
        {
            try
            {
                same = Exchange(new IPEndPoint(IPAddress.Parse(address), port), bytes, seed);
            }
            catch (Exception e) when (e is SocketException or IOException or AggregateException)
            {
                fault = e;
            }
        });
        thread.Join();
        return fault == null ? same : throw new IOException($"{bytes} bytes to {address}:{port}: {fault.Message}", fault);
    }

    /// <summary>Sends datagrams of growing size from a namespace, each from a port of its own. Returns those that did not come back unchanged.</summary>
    public static IReadOnlyList<string> Echo(Netns client, string address, int port, int datagrams, int bytesMax)
    {
        List<string> lost = [];
        Thread thread = client.StartThread(() =>
        {
            for (int n = 0; n < datagrams; n++)
            {
                byte[] sent = RandomNumberGenerator.GetBytes(1 + (int)((long)(bytesMax - 1) * n / Math.Max(1, datagrams - 1))), back = new byte[ChunkBytes];
                using Socket socket = new(IPAddress.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 1_000 };
                socket.Connect(IPAddress.Parse(address), port);
                try
                {
                    socket.Send(sent);
                    if (!back.AsSpan(0, socket.Receive(back)).SequenceEqual(sent))
                    {
                        lost.Add($"datagram {n} of {sent.Length} bytes: changed");
                    }
                }
                catch (SocketException e)
                {
                    lost.Add($"datagram {n} of {sent.Length} bytes: {e.SocketErrorCode}");
                }
            }
        });
        thread.Join();
        return lost;
    }

    /// <summary>What a program in a namespace hears that sends a datagram and waits for an answer: an error, or Success.</summary>
    public static SocketError DatagramError(Netns client, string address, int port)
    {
        SocketError error = SocketError.Success;
        client.StartThread(() =>
        {
            using Socket socket = new(IPAddress.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 3_000 };
            socket.Connect(IPAddress.Parse(address), port);
            try
            {
                socket.Send([1, 2, 3]);
                socket.Receive(new byte[10]);
            }
            catch (SocketException e)
            {
                error = e.SocketErrorCode;
            }
        }).Join();
        return error;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _threads.ForEach(t => t.Join());
    }

    private static bool Exchange(IPEndPoint server, int bytes, int seed)
    {
        using Socket socket = HashedStream.Connect(server, TimeoutMs);
        using NetworkStream stream = new(socket);
        return HashedStream.Exchange(stream, bytes, seed);
    }

    /// <summary>A socket of the address itself: so the answer has the source that was asked for.</summary>
    private void Udp(IPEndPoint own, CountdownEvent ready)
    {
        using Socket socket = new(own.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(own);
        ready.Signal();
        byte[] data = new byte[ChunkBytes];
        while (!_stop)
        {
            if (socket.Poll(PollUs, SelectMode.SelectRead))
            {
                EndPoint from = new IPEndPoint(own.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any, 0);
                int bytes = socket.ReceiveFrom(data, ref from);
                socket.SendTo(data.AsSpan(0, bytes), from);
            }
        }
    }
}
