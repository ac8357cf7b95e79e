namespace Forwarder.Control;

/// <summary>The loop and its thread.</summary>
public sealed class VrrpRunner : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    /// <summary>Starts the thread, at real-time priority if that is allowed; if not, says why and goes on.</summary>
    /// <param name="ownership">Carries out what is decided.</param>
    /// <param name="neighbours">Knows MAC addresses of unicast peers.</param>
    /// <param name="workerCpus">Which the thread keeps off.</param>
    /// <param name="refused">Told why there is no real-time priority.</param>
    public VrrpRunner(IVrrpOwnership ownership, IVrrpNeighbours neighbours, IReadOnlyList<int> workerCpus, Action<string> refused)
    {
        Loop = new VrrpLoop(ownership, neighbours);
        _thread = new Thread(() => Run(workerCpus, refused)) { Name = "vrrp", IsBackground = true };
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

    private void Run(IReadOnlyList<int> workerCpus, Action<string> refused)
    {
        RealTime.KeepOff(workerCpus);
        if (RealTime.Enter() is { Length: > 0 } why)
        {
            refused(why);
        }

        Loop.Run(_stop.Token);
    }
}
