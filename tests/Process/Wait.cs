using System.Diagnostics;

namespace Forwarder.Process.Tests;

/// <summary>Waits for things that happen in the other process.</summary>
public static class Wait
{
    /// <summary>Polls until a condition holds; fails with <paramref name="what"/> after a while.</summary>
    public static void Until(Func<bool> condition, string what, int timeoutMs = 10_000)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.ElapsedMilliseconds < timeoutMs, $"Not within {timeoutMs} ms: {what}");
            Thread.Sleep(2);
        }
    }
}
