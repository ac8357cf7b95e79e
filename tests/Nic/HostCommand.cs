using System.Diagnostics;

namespace Forwarder.Nic.Tests;

/// <summary>Runs programs on the host.</summary>
public static class HostCommand
{
    /// <summary>Runs a program to its end.</summary>
    public static CommandResult Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd() + errors.GetAwaiter().GetResult();
        process.WaitForExit();
        return new CommandResult(process.ExitCode, output);
    }

    /// <summary>As <see cref="Run"/>, and insists on status 0.</summary>
    /// <returns>The output.</returns>
    public static string Check(string program, params string[] arguments)
    {
        CommandResult result = Run(program, arguments);
        return result.Status == 0
            ? result.Output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {result.Status}: {result.Output}");
    }
}
