using System.Diagnostics;

namespace Forwarder.Process.Tests;

/// <summary>Runs programs of the system.</summary>
public static class Shell
{
    /// <summary>Runs a command line of blank-separated words; throws when it fails.</summary>
    public static string Run(string command)
    {
        (int exitCode, string output) = Try(command);
        return exitCode == 0 ? output : throw new InvalidOperationException($"{command}: exit code {exitCode}: {output}");
    }

    /// <summary>Runs a command line and returns its exit code and all of its output.</summary>
    public static (int ExitCode, string Output) Try(string command)
    {
        string[] words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        ProcessStartInfo start = new(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using System.Diagnostics.Process process = System.Diagnostics.Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
