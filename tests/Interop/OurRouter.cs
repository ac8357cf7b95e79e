using Forwarder.Control;
using Forwarder.Lab;
using Forwarder.Vrrp;

namespace Forwarder.Interop.Tests;

/// <summary>One instance of ours on a real socket and with real time.</summary>
public sealed class OurRouter : IVrrpOwnership, IVrrpNeighbours, IDisposable
{
    private readonly VrrpConfig _config;
    private readonly VrrpFaults _faults;
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _opened = new();
    private VrrpLoop? _loop;
    private VrrpLink? _link;
    private volatile Exception? _failure;
    private long _ownedUntilNs, _changedNs;
    private volatile int _state = -1, _reason;

    public OurRouter(KeepalivedBed bed, VrrpConfig config, VrrpFaults faults = VrrpFaults.None)
    {
        (_config, _faults) = (config, faults);
        Assert.Empty(config.Validate());
        _thread = bed.Ours.StartThread(Run);
        _opened.Wait();
        Assert.Null(_failure);
    }

    public VrrpState State => (VrrpState)_state;

    /// <summary>What the loop has told last.</summary>
    public VrrpTrouble? LastTrouble { get; private set; }

    public VrrpReason Reason => (VrrpReason)_reason;

    /// <summary>When the state was entered.</summary>
    public long ChangedNs => Volatile.Read(ref _changedNs);

    /// <summary>The addresses are ours at this moment.</summary>
    public bool WeOwn => VrrpLoop.NowNs < Volatile.Read(ref _ownedUntilNs);

    public VrrpLink Link => _link!;

    public VrrpInstance Instance => _loop!.Instances.Single().Instance;

    public void WaitFor(VrrpState state, string why, int timeoutMs = 8_000) => Wait.Until(() => State == state, $"{state}: {why}", timeoutMs);

    /// <summary>Runs as many groups, one or none, in the place of those before, and waits until that is so.</summary>
    public void SetMembers(int count)
    {
        _loop!.SetMembers([.. Enumerable.Range(1, count).Select(Member)]);
        _loop.AskAsync(_ => 0).Wait();
    }

    /// <summary>Orderly stop: resigns.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _thread.Join();
        Assert.Null(_failure);
    }

    public void Own(int id, long untilNs) => Volatile.Write(ref _ownedUntilNs, untilNs);

    public bool IsAwaitingSend() => IsAlwaysAwaiting;

    public bool IsOwned(int id) => WeOwn;

    /// <summary>Some advertisement is always on its way.</summary>
    public bool IsAlwaysAwaiting { get; init; }

    public void Release(int id) => Volatile.Write(ref _ownedUntilNs, 0);

    public void Changed(int id, VrrpState state, VrrpReason reason, byte priority)
    {
        Volatile.Write(ref _changedNs, VrrpLoop.NowNs);
        _reason = (int)reason;
        _state = (int)state;
    }

    public void Troubled(int id, in VrrpTrouble trouble) => LastTrouble = trouble;

    /// <summary>The only peer is keepalived.</summary>
    public ulong MacOf(int nextHop) => 0x02_77_00_00_00_02;

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _link?.Dispose();
        _stop.Dispose();
        _opened.Dispose();
    }

    private VrrpMember Member(int id) => new(id, _config, _config, [_link!], _link!) { PeerHops = [1], Faults = _faults };

    private void Run()
    {
        try
        {
            _link = new VrrpLink(KeepalivedBed.OurDevice, 0);
            _loop = new VrrpLoop(this, this);
            _loop.SetMembers([Member(0)]);
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
