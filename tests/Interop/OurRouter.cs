using Forwarder.Control;
using Forwarder.Lab;
using Forwarder.Vrrp;

namespace Forwarder.Interop.Tests;

/// <summary>One instance of ours on a real socket and with real time.</summary>
public sealed class OurRouter : IVrrpOwnership, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _opened = new();
    private VrrpLoop? _loop;
    private volatile Exception? _failure;
    private long _ownedUntilNs, _changedNs;
    private volatile int _state = -1, _reason;

    public OurRouter(KeepalivedBed bed, VrrpConfig config)
    {
        Assert.Empty(config.Validate());
        _thread = bed.Ours.StartThread(() => Run(config));
        _opened.Wait();
        Assert.Null(_failure);
    }

    public VrrpState State => (VrrpState)_state;

    public VrrpReason Reason => (VrrpReason)_reason;

    /// <summary>When the state was entered.</summary>
    public long ChangedNs => Volatile.Read(ref _changedNs);

    /// <summary>The addresses are ours at this moment.</summary>
    public bool WeOwn => VrrpLoop.NowNs < Volatile.Read(ref _ownedUntilNs);

    public VrrpLoop Loop => _loop!;

    public VrrpInstance Instance => _loop!.Instances.Single().Instance;

    public void WaitFor(VrrpState state, string why, int timeoutMs = 8_000) => Wait.Until(() => State == state, $"{state}: {why}", timeoutMs);

    /// <summary>Orderly stop: resigns.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _thread.Join();
        Assert.Null(_failure);
    }

    public void Own(int id, long untilNs) => Volatile.Write(ref _ownedUntilNs, untilNs);

    public void Release(int id) => Volatile.Write(ref _ownedUntilNs, 0);

    public void Changed(int id, VrrpState state, VrrpReason reason)
    {
        Volatile.Write(ref _changedNs, VrrpLoop.NowNs);
        _reason = (int)reason;
        _state = (int)state;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _loop?.Dispose();
        _stop.Dispose();
        _opened.Dispose();
    }

    private void Run(VrrpConfig config)
    {
        try
        {
            _loop = new VrrpLoop(KeepalivedBed.OurDevice, 0, this);
            _loop.SetMembers([new VrrpMember(0, config, config)]);
            _opened.Set();
            _loop.Run(_stop.Token);
        }
        catch (Exception e)
        {
            _failure = e;
            _opened.Set();
        }
    }
}
