using System.Diagnostics;

namespace Forwarder.Lab;

/// <summary>tcpdump on an interface, into a file.</summary>
public sealed class Capture : IDisposable
{
    private readonly Process _tcpdump;
    private readonly string _path;

    /// <summary>Starts and waits until it listens.</summary>
    public Capture(Netns netns, string interfaceName, string filter, string folder)
    {
        _path = Path.Combine(folder, $"{interfaceName}-{Guid.NewGuid():N}.pcap");
        string[] words = ["netns", "exec", netns.Name, "tcpdump", "-i", interfaceName, "-B", "32768", "-U", "--immediate-mode", "-s", "0", "-w", _path, .. filter.Split(' ')];
        _tcpdump = Process.Start(new ProcessStartInfo("ip", words) { RedirectStandardError = true })!;
        while (_tcpdump.StandardError.ReadLine() is string line && !line.Contains("listening on", StringComparison.Ordinal))
        {
        }
    }

    /// <summary>Ends the capture and returns its frames.</summary>
    public IReadOnlyList<byte[]> Stop() => [.. StopTimed().Select(f => f.Frame)];

    /// <summary>Ends the capture and returns fields of its frames that fit, as <see cref="Pcap.Dissect"/>.</summary>
    public IReadOnlyList<string[]> Dissect(string filter, params string[] fields)
    {
        End();
        return Pcap.Dissect(_path, filter, fields);
    }

    /// <summary>As <see cref="Stop"/>, with times in µs.</summary>
    public IReadOnlyList<(long TimeUs, byte[] Frame)> StopTimed()
    {
        End();
        return Pcap.ReadTimed(_path);
    }

    private void End()
    {
        const int SettleMs = 300;
        Thread.Sleep(SettleMs);   // what the kernel still holds for tcpdump
        Shell.Run($"kill -INT {_tcpdump.Id}");
        _tcpdump.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_tcpdump.HasExited)
        {
            _tcpdump.Kill();
        }

        _tcpdump.Dispose();
    }
}
