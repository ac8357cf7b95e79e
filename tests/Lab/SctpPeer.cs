using System.Diagnostics;

namespace Forwarder.Lab;

/// <summary>An SCTP server or client in a namespace: tests/Lab/native/sctp_peer.c, built when it is first needed.</summary>
public sealed class SctpPeer : IDisposable
{
    private static readonly Lock s_building = new();
    private readonly Process _server;

    /// <summary>Starts a server that sends back what it gets, and waits until it listens.</summary>
    public SctpPeer(Netns netns, string address, int port, string folder)
    {
        string[] words = ["netns", "exec", netns.Name, Program(folder), "serve", address, $"{port}"];
        _server = Process.Start(new ProcessStartInfo("ip", words) { RedirectStandardOutput = true })!;
        string? line = _server.StandardOutput.ReadLine();
        if (line != "ready")
        {
            Dispose();
            throw new InvalidOperationException($"sctp_peer serve {address} {port} in {netns.Name}: {line}");
        }
    }

    /// <summary>Has a client send so many bytes and take them back; "same" if nothing has changed, "refused" if nobody is there.</summary>
    public static string Transfer(Netns netns, string from, string address, int port, int bytes, string folder)
    {
        CommandResult result = netns.Try($"{Program(folder)} transfer {from} {address} {port} {bytes}");
        return result.ExitCode is 0 or 1 ? result.Output.Trim() : $"exit code {result.ExitCode}: {result.Errors}{result.Output}";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _server.Kill(entireProcessTree: true);
        _server.WaitForExit();
        _server.Dispose();
    }

    private static string Program(string folder)
    {
        string program = Path.Combine(folder, "sctp_peer");
        lock (s_building)
        {
            if (!File.Exists(program))
            {
                Shell.Run("cc", "-O2", "-o", program, Path.Combine(Repository.Root, "tests/Lab/native/sctp_peer.c"), "-lusrsctp", "-lpthread");
            }
        }

        return program;
    }
}
