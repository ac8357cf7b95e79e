namespace Forwarder.Control;

/// <summary>The loop and its thread.</summary>
public sealed class VrrpRunner : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    /// <summary>Starts the thread, at real-time priority if that is allowed; if not, says why and goes on.</summary>
    public VrrpRunner(IVrrpOwnership ownership, IVrrpNeighbours neighbours, Action<string> refused)
    {
        Loop = new VrrpLoop(ownership, neighbours);
        _thread = new Thread(() => Run(refused)) { Name = "vrrp", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The loop.</summary>
    public VrrpLoop Loop { get; }

    /// <summary>Resigns all instances and ends the thread.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _stop.Dispose();
    }

    private void Run(Action<string> refused)
    {
        if (RealTime.Enter() is { Length: > 0 } why)
        {
            refused(why);
        }

        Loop.Run(_stop.Token);
    }
}
