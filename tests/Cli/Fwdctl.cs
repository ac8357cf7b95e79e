using System.Diagnostics;

namespace Forwarder.Cli.Tests;

/// <summary>Runs the program itself.</summary>
public static class Fwdctl
{
    private const int TimeoutMs = 30_000;

    /// <summary>Path of the program.</summary>
    public static string Path { get; } = System.IO.Path.Combine(AppContext.BaseDirectory, "fwdctl");

    /// <summary>Calls fwdctl with these words; null = no socket is named.</summary>
    public static Outcome Run(string? socket, string line, string input = "") => Start(Path, socket, Words(line), input);

    /// <summary>Calls it under the name ipvsadm, as by the link that packages have.</summary>
    public static Outcome RunIpvsadm(string? socket, string line, string input = "")
    {
        string link = System.IO.Path.Combine(Directory.CreateTempSubdirectory("fwd-cli-").FullName, "ipvsadm");
        File.CreateSymbolicLink(link, Path);
        try
        {
            return Start(link, socket, Words(line), input);
        }
        finally
        {
            Directory.Delete(System.IO.Path.GetDirectoryName(link)!, recursive: true);
        }
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static Outcome Start(string program, string? socket, string[] words, string input)
    {
        ProcessStartInfo start = new(program, words) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["FORWARDER_SOCKET"] = socket ?? "/nonexistent/api.sock";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        if (!process.WaitForExit(TimeoutMs))
        {
            process.Kill();
            throw new TimeoutException($"fwdctl {string.Join(' ', words)} did not end.");
        }

        return new Outcome(process.ExitCode, output.Result, error.Result);
    }
}
