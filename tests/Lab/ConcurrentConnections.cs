using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Forwarder.Lab;

/// <summary>HTTP connections to real servers that are all open at the same time.</summary>
public static class ConcurrentConnections
{
    private const int AtOnce = 256, AnswerBytesMax = 1_024;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Opens so many connections from a namespace, then asks over each for a page of its own that names it. Returns how many
    /// had the right answer while all were open.
    /// </summary>
    public static int Run(Netns client, string address, int port, int count)
    {
        IPEndPoint remote = new(IPAddress.Parse(address), port);
        Socket[] sockets = [];
        client.StartThread(() => sockets = [.. Enumerable.Range(0, count).Select(_ => new Socket(remote.AddressFamily, SocketType.Stream, ProtocolType.Tcp))]).Join();
        try
        {
            ParallelOptions options = new() { MaxDegreeOfParallelism = AtOnce };
            Parallel.ForEachAsync(sockets, options, async (socket, _) =>
            {
                using CancellationTokenSource late = new(s_timeout);
                await socket.ConnectAsync(remote, late.Token);
            }).GetAwaiter().GetResult();
            int answered = 0;
            Parallel.ForEachAsync(Enumerable.Range(0, count), options, async (n, _) =>
            {
                if (await IsAnsweredAsync(sockets[n], $"/echo/{n}"))
                {
                    Interlocked.Increment(ref answered);
                }
            }).GetAwaiter().GetResult();
            return answered;
        }
        finally
        {
            Array.ForEach(sockets, s => s.Dispose());
        }
    }

    private static async Task<bool> IsAnsweredAsync(Socket socket, string page)
    {
        using CancellationTokenSource late = new(s_timeout);
        byte[] answer = new byte[AnswerBytesMax];
        await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {page} HTTP/1.1\r\nHost: lab\r\n\r\n"), late.Token);
        for (int got = 0; got < AnswerBytesMax;)
        {
            int bytes = await socket.ReceiveAsync(answer.AsMemory(got), late.Token);
            got += bytes;
            string text = Encoding.ASCII.GetString(answer, 0, got);
            if (text.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) && text.EndsWith($"\r\n\r\n{page}", StringComparison.Ordinal))
            {
                return true;
            }

            if (bytes == 0)
            {
                return false;
            }
        }

        return false;
    }
}
