using System.Diagnostics;

namespace Forwarder.Lab;

/// <summary>Waits for things that happen in other processes.</summary>
public static class Wait
{
    private const int PollMs = 5;

    /// <summary>Polls until a condition holds; throws a TimeoutException that says <paramref name="what"/> after a while.</summary>
    public static void Until(Func<bool> condition, string what, int timeoutMs = 10_000)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!condition())
        {
            if (clock.ElapsedMilliseconds > timeoutMs)
            {
                throw new TimeoutException($"Not within {timeoutMs} ms: {what}");
            }

            Thread.Sleep(PollMs);
        }
    }
}
