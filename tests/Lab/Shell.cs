using System.Diagnostics;

namespace Forwarder.Lab;

/// <summary>Runs programs of the system.</summary>
public static class Shell
{
    /// <summary>Runs a command line of blank-separated words and returns its standard output; throws when it fails.</summary>
    public static string Run(string command) => Run(command.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Runs a program with arguments and returns its standard output; throws when it fails.</summary>
    public static string Run(params IReadOnlyList<string> words)
    {
        CommandResult result = Try(words);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"{string.Join(' ', words)}: exit code {result.ExitCode}: {result.Errors}{result.Output}");
    }

    /// <summary>Runs a command line of blank-separated words.</summary>
    public static CommandResult Try(string command) => Try(command.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Runs a program with arguments.</summary>
    public static CommandResult Try(params IReadOnlyList<string> words)
    {
        ProcessStartInfo start = new(words[0], words.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CommandResult(process.ExitCode, output, errors.Result);
    }
}
