using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Forwarder.Lab;

/// <summary>
/// A request over a new connection each millisecond, whatever became of those before: the longest time without an answer is
/// the outage, whereas clients that wait for their answers would measure TCP's time-outs.
/// </summary>
public sealed class HttpProbes : IDisposable
{
    private const int PeriodMs = 1, TimeoutMs = 5_000, AnswerBytesMax = 4_096, PoolThreadsMin = 32;
    private static readonly byte[] s_ask = "GET / HTTP/1.1\r\nHost: s1\r\nConnection: close\r\n\r\n"u8.ToArray();
    private readonly IPEndPoint _target;
    private readonly ConcurrentQueue<long> _answers = new();
    private readonly Thread _thread;
    private volatile bool _stop;

    /// <summary>Starts them in a namespace.</summary>
    public HttpProbes(Netns client, string address)
    {
        // A test host blocks threads of the pool, which gets a new one each half second at most: answers would wait for that.
        ThreadPool.SetMinThreads(PoolThreadsMin, PoolThreadsMin);
        _target = new IPEndPoint(IPAddress.Parse(address), 80);
        _thread = client.StartThread(Work);
    }

    /// <summary>Answers so far.</summary>
    public int Answers => _answers.Count;

    /// <summary>The longest time without an answer between two times (Stopwatch ticks), ms.</summary>
    public double LongestGapMs(long from, long until)
    {
        double longestMs = 0;
        long last = from;
        foreach (long at in _answers.Where(a => a > from && a < until).Order().Append(until))
        {
            longestMs = Math.Max(longestMs, Stopwatch.GetElapsedTime(last, at).TotalMilliseconds);
            last = at;
        }

        return longestMs;
    }

    /// <summary>When answers came after a time (Stopwatch ticks), in ms.</summary>
    public IEnumerable<double> TimesMs(long from) => _answers.Where(a => a > from).Order().Select(a => Stopwatch.GetElapsedTime(from, a).TotalMilliseconds);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop = true;
        _thread.Join();
    }

    private void Work()
    {
        while (!_stop)
        {
            // The thread that makes the socket says whose namespace it is in; the rest may go on anywhere.
            _ = AskAsync(new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true });
            Thread.Sleep(PeriodMs);
        }
    }

    private async Task AskAsync(Socket socket)
    {
        using CancellationTokenSource timeout = new(TimeoutMs);
        try
        {
            byte[] answer = new byte[AnswerBytesMax];
            await socket.ConnectAsync(_target, timeout.Token);
            await socket.SendAsync(s_ask, timeout.Token);
            int length = await socket.ReceiveAsync(answer, timeout.Token);
            if (answer.AsSpan(0, length).StartsWith("HTTP/1.1 200 "u8))
            {
                _answers.Enqueue(Stopwatch.GetTimestamp());
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // No answer: that is what is measured.
        }
        finally
        {
            socket.Dispose();
        }
    }
}
