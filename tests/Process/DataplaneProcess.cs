using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Forwarder.Process.Tests;

/// <summary>A running (or ended) forwarder-dataplane.</summary>
public sealed class DataplaneProcess : IDisposable
{
    private readonly System.Diagnostics.Process _process;
    private readonly StringBuilder _errors = new();
    private bool _disposed;

    public DataplaneProcess(string[] launcher, string configPath, Dictionary<string, string>? environment)
    {
        // Launchers (ip netns exec, setpriv, unshare) become the program: the process id is the dataplane's.
        ProcessStartInfo start = new(launcher[0], [.. launcher[1..], Repository.Program("dataplane/forwarder-dataplane"), "--config", configPath]) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach ((string name, string value) in environment ?? [])
        {
            start.Environment[name] = value;
        }

        _process = System.Diagnostics.Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    /// <summary>Process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it has written to stderr so far.</summary>
    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>CPU time used so far.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Waits for its end and returns its exit code.</summary>
    public int WaitForExit(int timeoutMs = 20_000)
    {
        Assert.True(_process.WaitForExit(timeoutMs), $"The dataplane has not ended within {timeoutMs} ms.");
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <summary>SIGKILL, and waits for the end.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>SIGTERM, and waits for the end. Returns the exit code.</summary>
    public int Terminate()
    {
        const int Sigterm = 15;
        SendSignal(_process.Id, Sigterm);
        return WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int SendSignal(int pid, int signal);
}
