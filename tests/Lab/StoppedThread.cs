using System.Runtime.InteropServices;

namespace Forwarder.Lab;

/// <summary>Stops one thread of another process until disposed (ptrace(2)), as if it hung; the others go on. SIGSTOP would stop them all.</summary>
public sealed class StoppedThread : IDisposable
{
    private const int Seize = 0x4206, Interrupt = 0x4207, Detach = 17, WaitAll = 0x4000_0000;   // PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, __WALL

    private readonly ManualResetEventSlim _stopped = new(), _goOn = new();
    private readonly Thread _tracer;
    private string? _failure;

    /// <summary>Stops it; it stands still when this returns.</summary>
    /// <exception cref="InvalidOperationException">It could not be stopped.</exception>
    public StoppedThread(int tid)
    {
        _tracer = new Thread(() => Hold(tid)) { IsBackground = true };   // only the thread that traces may let go
        _tracer.Start();
        _stopped.Wait();
        if (_failure != null)
        {
            throw new InvalidOperationException(_failure);
        }
    }

    /// <summary>The first thread of a process whose name contains this.</summary>
    public static int Find(int pid, string name) =>
        int.Parse(Path.GetFileName(Directory.GetDirectories($"/proc/{pid}/task").First(t => File.ReadAllText($"{t}/comm").Contains(name, StringComparison.Ordinal))), System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Lets it go on.</summary>
    public void Dispose()
    {
        _goOn.Set();
        _tracer.Join();
        _stopped.Dispose();
        _goOn.Dispose();
    }

    private void Hold(int tid)
    {
        if (Ptrace(Seize, tid, 0, 0) != 0 || Ptrace(Interrupt, tid, 0, 0) != 0 || WaitPid(tid, 0, WaitAll) != tid)
        {
            _failure = $"Thread {tid} cannot be stopped: {Marshal.GetLastPInvokeErrorMessage()}.";
            _stopped.Set();
            return;
        }

        _stopped.Set();
        _goOn.Wait();
        _ = Ptrace(Detach, tid, 0, 0);
    }

    [DllImport("libc", EntryPoint = "ptrace", SetLastError = true)]
    private static extern nint Ptrace(nint request, nint tid, nint address, nint data);

    [DllImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static extern int WaitPid(int tid, nint status, int options);
}
