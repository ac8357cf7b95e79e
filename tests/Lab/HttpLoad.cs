using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Forwarder.Lab;

/// <summary>
/// Loads a page again and again from a namespace, with a few clients at once. With keep-alive each client stays on one
/// connection, otherwise each request has a connection of its own. A request that has no whole answer within 5 s has failed.
/// </summary>
public sealed class HttpLoad : IDisposable
{
    private const int TimeoutMs = 5_000, AnswerBytesMax = 4_096, PortMin = 10_000, PortMax = 65_000, BindAttemptsMax = 100;
    private static readonly byte[] s_ask = "GET / HTTP/1.1\r\nHost: s1\r\n\r\n"u8.ToArray();
    private static readonly byte[] s_askAndClose = "GET / HTTP/1.1\r\nHost: s1\r\nConnection: close\r\n\r\n"u8.ToArray();
    private static int s_ports;   // of the process: two loads must not take the same one
    private readonly IPEndPoint _target;
    private readonly bool _keepAlive;
    private readonly List<Thread> _threads = [];
    private readonly Lock _lock = new();
    private readonly List<LoadPhase> _phases = [];
    private readonly string[] _serverOfClient;
    private long _left;
    private volatile bool _stop;

    /// <summary>Starts the load in phase <paramref name="phase"/>; ends by <see cref="Stop"/> or after <paramref name="requests"/>.</summary>
    public HttpLoad(Netns client, string address, int clients = 8, bool keepAlive = false, long requests = long.MaxValue, string phase = "load")
    {
        (_target, _keepAlive, _left) = (new IPEndPoint(IPAddress.Parse(address), 80), keepAlive, requests);
        _phases.Add(new LoadPhase(phase));
        _serverOfClient = [.. Enumerable.Repeat("", clients)];
        for (int i = 0; i < clients; i++)
        {
            int number = i;
            _threads.Add(client.StartThread(() => Work(number)));
        }
    }

    /// <summary>The server on whose connection each keep-alive client is, "" = none yet.</summary>
    public IReadOnlyList<string> ServerOfClient => _serverOfClient;

    /// <summary>Times that keep-alive clients had to connect again.</summary>
    public int Reconnects { get; private set; }

    /// <summary>Requests that have ended so far, in all phases.</summary>
    public int Requests
    {
        get
        {
            lock (_lock)
            {
                return _phases.Sum(p => p.Requests);
            }
        }
    }

    /// <summary>When the last right answer came (Stopwatch ticks).</summary>
    public long LastAnswer { get; private set; }

    /// <summary>From now on requests count for a new phase (the one in which they end).</summary>
    public void Enter(string phase)
    {
        lock (_lock)
        {
            _phases.Add(new LoadPhase(phase));
        }
    }

    /// <summary>Waits until this many more requests have ended.</summary>
    public void WaitFor(int requests, int timeoutMs = 60_000)
    {
        int goal = Requests + requests;
        Wait.Until(() => Requests >= goal, $"{requests} more requests", timeoutMs);
    }

    /// <summary>Ends the load (or waits until all requests are done) and says what each phase did.</summary>
    public IReadOnlyList<LoadPhase> Stop()
    {
        _stop = true;
        return Join();
    }

    /// <summary>Waits until all requests are done.</summary>
    public IReadOnlyList<LoadPhase> Join()
    {
        _threads.ForEach(t => t.Join());
        return _phases;
    }

    /// <inheritdoc/>
    public void Dispose() => Stop();

    private void Work(int client)
    {
        Socket? socket = null;
        int port = 0;
        while (!_stop && Interlocked.Decrement(ref _left) >= 0)
        {
            long start = Stopwatch.GetTimestamp();
            try
            {
                socket ??= Connect(client, out port);
                string server = Ask(socket);
                Record(client, server, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                if (_keepAlive)
                {
                    continue;
                }
            }
            catch (Exception e) when (e is SocketException or IOException or TimeoutException)
            {
                RecordFailure(port, $"client {client}, port {port}: {e.Message} after {Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms");
            }

            socket?.Dispose();
            socket = null;
        }

        socket?.Dispose();
    }

    private Socket Connect(int client, out int port)
    {
        for (int attempt = 0; ; attempt++)
        {
            Socket socket = new(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = TimeoutMs, SendTimeout = TimeoutMs };
            port = Bind(socket);
            try
            {
                if (!socket.ConnectAsync(_target).Wait(TimeoutMs))
                {
                    throw new TimeoutException("connect: no answer");
                }

                lock (_lock)
                {
                    Reconnects += _serverOfClient[client].Length > 0 ? 1 : 0;
                }

                return socket;
            }
            catch (AggregateException e) when (e.InnerException is SocketException inner)
            {
                socket.Dispose();
                if (inner.SocketErrorCode != SocketError.AddressNotAvailable || attempt == BindAttemptsMax)
                {
                    throw new IOException($"connect: {inner.Message}");
                }

                // An older connection of this client has the port: not the director's affair.
            }
            catch (TimeoutException)
            {
                socket.Dispose();
                throw;
            }
        }
    }

    /// <summary>
    /// Takes the client ports one after another, as many clients would. The kernel's own choice likes to take a port again
    /// at once; wlc, which counts connections, would then see fewer connections than requests.
    /// </summary>
    private int Bind(Socket socket)
    {
        IPAddress any = _target.AddressFamily == AddressFamily.InterNetwork ? IPAddress.Any : IPAddress.IPv6Any;
        for (int attempt = 0; ; attempt++)
        {
            int port = PortMin + (int)((uint)Interlocked.Increment(ref s_ports) % (PortMax - PortMin + 1));
            try
            {
                socket.Bind(new IPEndPoint(any, port));
                return port;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse && attempt < BindAttemptsMax)
            {
                // A slow request of the last round still has it.
            }
        }
    }

    /// <summary>One request; returns the body, which is the server's name.</summary>
    private string Ask(Socket socket)
    {
        socket.Send(_keepAlive ? s_ask : s_askAndClose);
        byte[] answer = new byte[AnswerBytesMax];
        int length = 0;
        while (true)
        {
            int read = socket.Receive(answer, length, answer.Length - length, SocketFlags.None);
            length += read;
            string text = Encoding.ASCII.GetString(answer, 0, length);
            int body = text.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
            if (body >= 4 && text.EndsWith('\n') && text.Length > body)
            {
                return text.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) ? text[body..].TrimEnd() : throw new IOException($"answer: {text.Split('\r')[0]}");
            }

            if (read == 0)
            {
                throw new IOException($"answer: ended after {length} bytes");
            }
        }
    }

    private void Record(int client, string server, double ms)
    {
        lock (_lock)
        {
            _phases[^1].Add(server, ms);
            _serverOfClient[client] = server;
            LastAnswer = Stopwatch.GetTimestamp();
        }
    }

    private void RecordFailure(int port, string why)
    {
        lock (_lock)
        {
            _phases[^1].AddFailure(port, why);
        }
    }
}
