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
    private readonly IVrrpOwnership _ownership;
    private readonly List<VrrpEffect> _effects = [];
    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly long[] _errors = new long[Enum.GetValues<VrrpDecodeError>().Length];
    private VrrpReceiver _receiver = new([]);
    private VrrpMember[] _members = [];
    private VrrpInstance[] _instances = [];
    private long _waitNs = WaitMaxNs;

    /// <summary>Opens the socket; there are no instances until <see cref="SetMembers"/>.</summary>
    /// <exception cref="IOException">There is no such interface, or the right is missing (CAP_NET_RAW).</exception>
    public VrrpLoop(string device, ushort vlan, IVrrpOwnership ownership)
    {
        _ownership = ownership;
        _socket = new VrrpSocket(device, vlan);
        _frames = new VrrpFrames(_socket.Mac, vlan);
    }

    /// <summary>MAC address of the interface.</summary>
    public IReadOnlyList<byte> Mac => _socket.Mac;

    /// <summary>The clock of the loop: monotonic, in ns.</summary>
    public static long NowNs => (long)(Stopwatch.GetTimestamp() * (VrrpLimits.NanosecondsPerSecond / (double)Stopwatch.Frequency));

    /// <summary>What runs, and its instances. They belong to the loop's thread: look at them in <see cref="AskAsync"/>.</summary>
    public IEnumerable<(VrrpMember Member, VrrpInstance Instance)> Instances => _members.Zip(_instances);

    /// <summary>Packets that ended so; <see cref="VrrpDecodeError.None"/> counts the good ones.</summary>
    public long Count(VrrpDecodeError error) => _errors[(int)error];

    /// <summary>Frames that the interface did not take.</summary>
    public long SendErrors { get; private set; }

    /// <summary>Times that the thread came back so late that what had come in was taken for old.</summary>
    public long Stops { get; private set; }

    /// <summary>
    /// Says what is to run; from any thread. Configurations must be valid, their VRIDs distinct within a family. Instances whose
    /// settings stay go on; those that go resign in order.
    /// </summary>
    /// <exception cref="ArgumentException">Unicast peers are given: their MAC addresses would have to be resolved, which is not done here.</exception>
    public void SetMembers(IReadOnlyList<VrrpMember> members)
    {
        if (members.Any(m => m.Config.UnicastPeers.Count > 0))
        {
            throw new ArgumentException("Unicast peers are not supported on a packet socket.", nameof(members));
        }

        _commands.Enqueue(() => Replace(members));
    }

    /// <summary>Puts an event to be handled by the loop's thread; from any thread. Nothing happens if there is no such instance.</summary>
    public void Post(int id, VrrpEvent happened) => _commands.Enqueue(() =>
    {
        int index = Array.FindIndex(_members, m => m.Id == id);
        if (index >= 0)
        {
            Handle(index, happened);
        }
    });

    /// <summary>Looks at the instances on the loop's thread, within <see cref="WaitMaxNs"/>.</summary>
    public Task<T> AskAsync<T>(Func<VrrpLoop, T> question)
    {
        TaskCompletionSource<T> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _commands.Enqueue(() => answer.SetResult(question(this)));
        return answer.Task;
    }

    /// <summary>Runs until cancelled; then resigns in order.</summary>
    public void Run(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            Turn();
        }

        Replace([]);
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
        while (_commands.TryDequeue(out Action? command))
        {
            command();
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

    private void Replace(IReadOnlyList<VrrpMember> members)
    {
        Dictionary<VrrpMember, VrrpInstance> running = Instances.ToDictionary(i => i.Member, i => i.Instance);
        for (int i = 0; i < _members.Length; i++)
        {
            if (!members.Contains(_members[i]))
            {
                Handle(i, VrrpEvent.Shutdown);
                _ownership.Release(_members[i].Id);
                running.Remove(_members[i]);
            }
        }

        _members = [.. members];
        _instances = [.. members.Select(m => running.TryGetValue(m, out VrrpInstance? instance) ? instance : new VrrpInstance(m.Config))];
        _receiver = new VrrpReceiver([.. members.Select(m => m.Config)]);
        _waitNs = members.Count == 0 ? WaitMaxNs : Math.Min(WaitMaxNs, members.Min(m => m.Config.IntervalNs) / WaitsPerInterval);
        for (int i = 0; i < _members.Length; i++)
        {
            if (!running.ContainsKey(_members[i]))
            {
                _ownership.Release(_members[i].Id);
                Handle(i, VrrpEvent.Startup);
            }
        }
    }

    private void Receive(long ageNs)
    {
        for (int n = 0; n < ReceivePerTurn && _socket.Receive() is { IsEmpty: false } packet; n++)
        {
            VrrpReceived received = _receiver.Receive(packet);
            _errors[(int)received.Error]++;
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
                _ownership.Own(_members[index].Id, effect.UntilNs);
                break;
            case VrrpEffectKind.EndLease:
                _ownership.Release(_members[index].Id);
                break;
            case VrrpEffectKind.BecomeActive or VrrpEffectKind.BecomeBackup or VrrpEffectKind.BecomeInitialize:
                _ownership.Changed(_members[index].Id, instance.State, effect.Reason);
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
