using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Forwarder.Lab;

/// <summary>A client that sends a datagram to a UDP echo service every few ms: says how long the service was out.</summary>
public sealed class Heartbeat : IDisposable
{
    private readonly Thread _sender, _receiver;
    private readonly Socket _socket;
    private readonly List<double> _answeredMs = [];
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private volatile bool _stop;

    /// <summary>Starts it in a namespace.</summary>
    public Heartbeat(Netns client, string address, int port, int intervalMs = 5)
    {
        Socket? socket = null;
        client.StartThread(() =>
        {
            socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 200 };
            socket.Connect(IPAddress.Parse(address), port);
        }).Join();
        _socket = socket!;
        _sender = Start(() => Send(intervalMs));
        _receiver = Start(Receive);
    }

    /// <summary>Answers so far.</summary>
    public int Answers
    {
        get
        {
            lock (_answeredMs)
            {
                return _answeredMs.Count;
            }
        }
    }

    /// <summary>Waits until this many more answers have come.</summary>
    public void WaitFor(int answers, int timeoutMs = 10_000)
    {
        int goal = Answers + answers;
        Wait.Until(() => Answers >= goal, $"{answers} more answers", timeoutMs);
    }

    /// <summary>Ends it; the longest time between two answered datagrams (times of sending) in ms.</summary>
    public double Stop()
    {
        _stop = true;
        _sender.Join();
        _receiver.Join();
        List<double> times = [.. _answeredMs.Order()];
        return times.Zip(times.Skip(1), (a, b) => b - a).DefaultIfEmpty(0).Max();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Stop();
        _socket.Dispose();
    }

    private static Thread Start(ThreadStart work)
    {
        Thread thread = new(work) { IsBackground = true };
        thread.Start();
        return thread;
    }

    private void Send(int intervalMs)
    {
        byte[] datagram = new byte[sizeof(double)];
        while (!_stop)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(datagram, _clock.Elapsed.TotalMilliseconds);
            try
            {
                _socket.Send(datagram);
            }
            catch (SocketException)
            {
                // an ICMP error of an earlier datagram
            }

            Thread.Sleep(intervalMs);
        }
    }

    private void Receive()
    {
        byte[] datagram = new byte[sizeof(double)];
        while (!_stop)
        {
            try
            {
                _socket.Receive(datagram);
                lock (_answeredMs)
                {
                    _answeredMs.Add(BinaryPrimitives.ReadDoubleLittleEndian(datagram));
                }
            }
            catch (SocketException)
            {
                // nothing in time, or an ICMP error
            }
        }
    }
}
