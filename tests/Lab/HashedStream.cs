using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Forwarder.Lab;

/// <summary>Bytes over a TCP connection that are answered with their SHA-256 and come back: both ends.</summary>
internal static class HashedStream
{
    private const int PollUs = 200_000, SeedFactor = 7_919;

    /// <summary>Takes connections on all addresses of the thread's namespace, one after another, until <paramref name="isStopped"/>.</summary>
    public static void Listen(int port, CountdownEvent ready, int timeoutMs, Func<bool> isStopped, Action<NetworkStream> serve)
    {
        using Socket listener = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        listener.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
        listener.Listen();
        ready.Signal();
        while (!isStopped())
        {
            if (!listener.Poll(PollUs, SelectMode.SelectRead))
            {
                continue;
            }

            using Socket socket = listener.Accept();
            socket.ReceiveTimeout = socket.SendTimeout = timeoutMs;
            try
            {
                using NetworkStream stream = new(socket);
                serve(stream);
            }
            catch (IOException)
            {
                // the client says what it missed
            }
        }
    }

    /// <summary>The server's part.</summary>
    public static void Answer(NetworkStream stream)
    {
        byte[] size = new byte[sizeof(int)];
        stream.ReadExactly(size);
        byte[] data = new byte[BitConverter.ToInt32(size)];
        stream.ReadExactly(data);
        stream.Write(SHA256.HashData(data));
        stream.Write(data);
    }

    /// <summary>A connection from the thread's namespace.</summary>
    /// <exception cref="IOException">There was no answer in time.</exception>
    public static Socket Connect(IPEndPoint server, int timeoutMs)
    {
        Socket socket = new(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = timeoutMs, SendTimeout = timeoutMs };
        try
        {
            return socket.ConnectAsync(server).Wait(timeoutMs) ? socket : throw new IOException("connect: no answer");
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The client's part; false if something arrived changed.</summary>
    public static bool Exchange(NetworkStream stream, int bytes, int seed)
    {
        byte[] data = new byte[bytes], hash = new byte[SHA256.HashSizeInBytes], back = new byte[bytes];
        new Random(seed * SeedFactor).NextBytes(data);
        stream.Write(BitConverter.GetBytes(bytes));
        stream.Write(data);
        stream.ReadExactly(hash);
        stream.ReadExactly(back);
        return hash.AsSpan().SequenceEqual(SHA256.HashData(data)) && back.AsSpan().SequenceEqual(data);
    }
}
