using System.Collections.Concurrent;
using System.Diagnostics;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// The instances of one interface and VLAN with real time and a real socket. One thread runs it: it waits for packets and
/// for the next timer, hands in what came, then ticks, and carries out the effects in order.
/// </summary>
public sealed class VrrpLoop : IDisposable
{
    /// <summary>Later than this beyond what was asked for: the thread was stopped, and what waits may be old.</summary>
    private const long StoppedNs = 20 * VrrpLimits.NanosecondsPerMillisecond;

    /// <summary>Longest wait: a command is taken after so long.</summary>
    private const long WaitMaxNs = 50 * VrrpLimits.NanosecondsPerMillisecond;

    private const int WaitsPerInterval = 4, ReceivePerTurn = 1_024;

    private readonly VrrpSocket _socket;
    private readonly VrrpFrames _frames;
    private readonly VrrpReceiver _receiver;
    private readonly VrrpInstance[] _instances;
    private readonly IVrrpOwnership _ownership;
    private readonly List<VrrpEffect> _effects = [];
    private readonly ConcurrentQueue<(int Instance, VrrpEvent Event)> _commands = new();
    private readonly long _waitNs;

    /// <summary>Opens the socket; configurations must be valid, their VRIDs distinct within a family, and none has unicast peers.</summary>
    /// <exception cref="ArgumentException">Unicast peers are given: their MAC addresses would have to be resolved, which is not done here.</exception>
    public VrrpLoop(string device, ushort vlan, IReadOnlyList<VrrpConfig> configs, IVrrpOwnership ownership)
    {
        if (configs.Any(c => c.UnicastPeers.Count > 0))
        {
            throw new ArgumentException("Unicast peers are not supported on a packet socket.", nameof(configs));
        }

        _receiver = new VrrpReceiver(configs);
        _instances = [.. configs.Select(c => new VrrpInstance(c))];
        _ownership = ownership;
        _waitNs = Math.Min(WaitMaxNs, configs.Min(c => c.IntervalNs) / WaitsPerInterval);
        _socket = new VrrpSocket(device, vlan);
        _frames = new VrrpFrames(_socket.Mac, vlan);
    }

    /// <summary>The clock of the loop: monotonic, in ns.</summary>
    public static long NowNs => (long)(Stopwatch.GetTimestamp() * (VrrpLimits.NanosecondsPerSecond / (double)Stopwatch.Frequency));

    /// <summary>Instances, in the order of the configurations. They belong to the loop's thread while it runs.</summary>
    public IReadOnlyList<VrrpInstance> Instances => _instances;

    /// <summary>Packets that ended so; <see cref="VrrpDecodeError.None"/> counts the good ones.</summary>
    public long Count(VrrpDecodeError error) => _receiver.Count(error);

    /// <summary>Frames that the interface did not take.</summary>
    public long SendErrors { get; private set; }

    /// <summary>Times that the thread came back so late that what had come in was taken for old.</summary>
    public long Stops { get; private set; }

    /// <summary>Puts an event to be handled by the loop's thread; from any thread.</summary>
    public void Post(int instance, in VrrpEvent happened) => _commands.Enqueue((instance, happened));

    /// <summary>Runs until cancelled; then resigns in order.</summary>
    public void Run(CancellationToken cancellation)
    {
        for (int i = 0; i < _instances.Length; i++)
        {
            _ownership.Release(i);
            Handle(i, VrrpEvent.Startup);
        }

        while (!cancellation.IsCancellationRequested)
        {
            Turn();
        }

        for (int i = 0; i < _instances.Length; i++)
        {
            Handle(i, VrrpEvent.Shutdown);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Turn()
    {
        long beforeNs = NowNs;
        long waitNs = Math.Clamp(NextDueNs() - beforeNs, 0, _waitNs);
        _socket.Wait(TimeSpan.FromMicroseconds(waitNs / 1_000));
        long tookNs = NowNs - beforeNs;
        bool stopped = tookNs > waitNs + StoppedNs;
        Stops += stopped ? 1 : 0;
        Receive(stopped ? tookNs : 0);
        while (_commands.TryDequeue(out (int Instance, VrrpEvent Event) command))
        {
            Handle(command.Instance, command.Event);
        }

        long nowNs = NowNs;
        for (int i = 0; i < _instances.Length; i++)
        {
            if (_instances[i].NextDueNs <= nowNs)
            {
                Handle(i, VrrpEvent.Tick);
            }
        }
    }

    private void Receive(long ageNs)
    {
        for (int n = 0; n < ReceivePerTurn && _socket.Receive() is { IsEmpty: false } packet; n++)
        {
            VrrpReceived received = _receiver.Receive(packet);
            if (received.Error == VrrpDecodeError.None)
            {
                Handle(received.Instance, received.Event with { AgeNs = ageNs });
            }
        }
    }

    private long NextDueNs()
    {
        long dueNs = VrrpTimers.Never;
        foreach (VrrpInstance instance in _instances)
        {
            dueNs = Math.Min(dueNs, instance.NextDueNs);
        }

        return dueNs;
    }

    private void Handle(int index, in VrrpEvent happened)
    {
        _effects.Clear();
        _instances[index].Handle(happened, NowNs, _effects);
        foreach (VrrpEffect effect in _effects)
        {
            Apply(index, effect);
        }
    }

    private void Apply(int index, in VrrpEffect effect)
    {
        VrrpInstance instance = _instances[index];
        switch (effect.Kind)
        {
            case VrrpEffectKind.SendAdvertisement:
                Send(_frames.Advertisement(instance.Config, effect.Priority, effect.Version));
                break;
            case VrrpEffectKind.RenewLease:
                _ownership.Own(index, effect.UntilNs);
                break;
            case VrrpEffectKind.EndLease:
                _ownership.Release(index);
                break;
            case VrrpEffectKind.BecomeActive or VrrpEffectKind.BecomeBackup or VrrpEffectKind.BecomeInitialize:
                _ownership.Changed(index, instance.State, effect.Reason);
                break;
            case VrrpEffectKind.SendGratuitousArp or VrrpEffectKind.SendUnsolicitedNeighbourAdvertisement:
                Announce(instance.Config, effect.Count);
                break;
            default:
                break;
        }
    }

    private void Announce(VrrpConfig config, int count)
    {
        for (int n = 0; n < count; n++)
        {
            foreach (VrrpAddress address in config.Addresses)
            {
                Send(_frames.Announcement(address));
            }
        }
    }

    private void Send(ReadOnlySpan<byte> frame) => SendErrors += _socket.TrySend(frame) ? 0 : 1;
}
