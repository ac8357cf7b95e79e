using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Forwarder.Lab;

namespace Forwarder.Nic.Tests;

/// <summary>Runs commands in the guest through its virtio port; the other end is tests/Nic/guest/agent.</summary>
public sealed class GuestShell : IDisposable
{
    private const int TimeoutS = 90;   // emulated, with others on the CPU, a program's start alone may take half a minute

    private readonly NetworkStream _stream;

    /// <summary>Takes over a connected socket.</summary>
    public GuestShell(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Waits until the agent says that it is there.</summary>
    /// <exception cref="IOException">The guest did not come up in time or went away.</exception>
    public void WaitReady(TimeSpan timeout)
    {
        _stream.ReadTimeout = (int)timeout.TotalMilliseconds;
        string greeting = ReadAnswer().Output;
        if (!greeting.StartsWith("READY ", StringComparison.Ordinal))
        {
            throw new IOException($"the guest's agent said '{greeting}' instead of READY");
        }
    }

    /// <summary>Runs a line of bash in the guest and waits for its end.</summary>
    /// <exception cref="IOException">It did not end in time or the guest went away.</exception>
    public CommandResult Run(string line, int timeoutS = TimeoutS)
    {
        ArgumentException.ThrowIfNullOrEmpty(line);
        if (line.Contains('\n', StringComparison.Ordinal))
        {
            throw new ArgumentException("the agent takes one line", nameof(line));
        }

        _stream.Write(Encoding.UTF8.GetBytes(line + "\n"));
        _stream.ReadTimeout = timeoutS * 1000;
        return ReadAnswer();
    }

    /// <summary>As <see cref="Run"/>, and insists on status 0.</summary>
    /// <returns>The output.</returns>
    public string Check(string line, int timeoutS = TimeoutS)
    {
        CommandResult result = Run(line, timeoutS);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"in the guest, '{line}' ended with {result.ExitCode}: {result.Output}");
    }

    /// <summary>Writes a small file in the guest.</summary>
    public void WriteFile(string path, string text)
    {
        string body = Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
        _ = Check($"mkdir -p \"$(dirname '{path}')\" && base64 -d <<< '{body}' > '{path}'");
    }

    /// <summary>Lets the guest power off.</summary>
    public void Quit()
    {
        _stream.Write("quit\n"u8);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stream.Dispose();
    }

    private CommandResult ReadAnswer()
    {
        string[] head = ReadLine().Split(' ');
        int length = int.Parse(head[0], CultureInfo.InvariantCulture);
        byte[] body = new byte[length];
        _stream.ReadExactly(body);
        return new CommandResult(int.Parse(head[1], CultureInfo.InvariantCulture), Encoding.UTF8.GetString(body), "");
    }

    private string ReadLine()
    {
        var line = new StringBuilder();
        while (_stream.ReadByte() is int c && c != '\n')
        {
            if (c < 0)
            {
                throw new IOException("the guest went away");
            }

            _ = line.Append((char)c);
        }

        return line.ToString();
    }
}
