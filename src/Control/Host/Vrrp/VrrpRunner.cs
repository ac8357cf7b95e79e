namespace Forwarder.Control;

/// <summary>The loop and its thread.</summary>
public sealed class VrrpRunner : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    /// <summary>Starts the thread.</summary>
    public VrrpRunner(IVrrpOwnership ownership, IVrrpNeighbours neighbours)
    {
        Loop = new VrrpLoop(ownership, neighbours);
        _thread = new Thread(() => Loop.Run(_stop.Token)) { Name = "vrrp", IsBackground = true, Priority = ThreadPriority.Highest };
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
}
