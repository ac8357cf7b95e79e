namespace Forwarder.Control;

/// <summary>A loop and its thread.</summary>
public sealed class VrrpRunner : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;

    /// <summary>Opens the loop's socket and starts its thread.</summary>
    /// <exception cref="IOException">There is no such interface, or the right is missing.</exception>
    public VrrpRunner(string device, ushort vlan, IVrrpOwnership ownership)
    {
        Loop = new VrrpLoop(device, vlan, ownership);
        _thread = new Thread(() => Loop.Run(_stop.Token)) { Name = $"vrrp {device}.{vlan}", IsBackground = true, Priority = ThreadPriority.Highest };
        _thread.Start();
    }

    /// <summary>The loop.</summary>
    public VrrpLoop Loop { get; }

    /// <summary>Whether its thread has not ended.</summary>
    public bool IsRunning => _thread.IsAlive;

    /// <summary>Resigns all instances and ends the thread.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        Loop.Dispose();
        _stop.Dispose();
    }
}
