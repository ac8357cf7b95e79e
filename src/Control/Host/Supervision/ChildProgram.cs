using System.ComponentModel;
using System.Diagnostics;

namespace Forwarder.Control;

/// <summary>Runs the operator's programs: checks and notifications.</summary>
public static class ChildProgram
{
    // Its words reach nobody: what a program has to say it logs itself.
    private const string Quietly = "exec \"$@\" >/dev/null 2>&1 </dev/null";

    /// <summary>How a program ended.</summary>
    /// <param name="IsGood">It ended in time with exit code 0.</param>
    /// <param name="Detail">How it ended, in words.</param>
    public readonly record struct Outcome(bool IsGood, string Detail);

    /// <summary>Runs it to its end, or kills it and its children after the time. Does not throw.</summary>
    /// <param name="command">Path and arguments.</param>
    /// <param name="user">User as whom it runs; null = this process's.</param>
    /// <param name="timeoutMs">Time that it has.</param>
    /// <param name="kill">How it is killed; null = with all its children.</param>
    /// <param name="cancellation">Kills it, too.</param>
    public static async Task<Outcome> RunAsync(IEnumerable<string> command, string? user, int timeoutMs, Action<Process>? kill = null, CancellationToken cancellation = default)
    {
        string[] asUser = user == null ? [] : ["runuser", "-u", user, "--"];
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("sh", ["-c", Quietly, "sh", .. asUser, .. command]) { UseShellExecute = false })!;
            using CancellationTokenSource late = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            late.CancelAfter(timeoutMs);
            try
            {
                await process.WaitForExitAsync(late.Token);
                return new Outcome(process.ExitCode == 0, $"exit code {process.ExitCode}");
            }
            catch (OperationCanceledException)
            {
                return new Outcome(false, WhyNotKilled(process, kill ?? KillAll) is { } why ? $"runs for longer than {timeoutMs} ms and cannot be killed: {why}" : $"killed after {timeoutMs} ms");
            }
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            return new Outcome(false, $"cannot be run: {e.Message}");
        }
    }

    private static void KillAll(Process process) => process.Kill(entireProcessTree: true);

    /// <summary>Null if it is killed. A child of it may run as a user whom this process may not touch.</summary>
    private static string? WhyNotKilled(Process process, Action<Process> kill)
    {
        try
        {
            kill(process);
            return null;
        }
        catch (Exception e) when (e is AggregateException or Win32Exception or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return e is AggregateException all ? all.InnerExceptions[0].Message : e.Message;
        }
    }
}
