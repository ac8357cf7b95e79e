using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// All instances with real time and real sockets. One thread runs them, so that sync groups can reach over ports: it waits for
/// packets and for the next timer, hands in what came, then ticks, and carries out the effects in order.
/// </summary>
public sealed class VrrpLoop(IVrrpOwnership ownership, IVrrpNeighbours neighbours)
{
    /// <summary>Longest wait: a command is taken after so long.</summary>
    private const long WaitMaxNs = 50 * VrrpLimits.NanosecondsPerMillisecond;

    private const int WaitsPerInterval = 4;

    /// <summary>How soon to look again whether an advertisement has left: housekeeping turns as often when idle.</summary>
    private const long SendWaitNs = 200_000;

    /// <summary>Packets read from a link before timers are looked at again, and the shortest time to the next so many: a flood of advertisements must not take the CPU.</summary>
    private const int ReceivePerTurn = 64;

    /// <inheritdoc cref="ReceivePerTurn"/>
    private const long ReceiveTurnNs = VrrpLimits.NanosecondsPerMillisecond;

    /// <summary>A late thread is counted from here on at the latest; earlier with short intervals.</summary>
    private const long StallMaxNs = 20 * VrrpLimits.NanosecondsPerMillisecond;

    private static readonly SocketWait s_sleep = new([]);

    private readonly List<VrrpMemberEffect> _effects = [];
    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly VrrpAnnouncements _announcements = new((member, address) => member.Home.TrySend(member.Home.Frames.Announcement(member.Config, address)), ownership.IsOwned);
    private VrrpLink[] _links = [];
    private SocketWait _packets = s_sleep;
    private bool _isBehind, _isAwaitingSend;
    private VrrpMember[] _members = [];
    private VrrpInstance[] _instances = [];
    private Place[] _places = [];
    private long _waitNs = WaitMaxNs, _stallNs = StallMaxNs, _turnedNs = NowNs;

    /// <summary>Where a member stands in its sync group; one without moves in a group of its own.</summary>
    private readonly record struct Place(VrrpSyncGroup Group, int[] Members, int Position);

    /// <summary>The clock of the loop: monotonic, in ns.</summary>
    public static long NowNs => (long)(Stopwatch.GetTimestamp() * (VrrpLimits.NanosecondsPerSecond / (double)Stopwatch.Frequency));

    /// <summary>What runs, and its instances. They belong to the loop's thread: look at them in <see cref="AskAsync"/>.</summary>
    public IEnumerable<(VrrpMember Member, VrrpInstance Instance)> Instances => _members.Zip(_instances);

    /// <summary>Times that the thread was so late that timers may have been (SIGSTOP, a collection, a starved CPU).</summary>
    public long Stops { get; private set; }

    /// <summary>
    /// Says what is to run; from any thread. Configurations must be valid, their VRIDs distinct within a family on each link.
    /// Instances whose settings stay go on; those that go resign in order. Links must stay open while they are in use.
    /// </summary>
    public void SetMembers(IReadOnlyList<VrrpMember> members) => _commands.Enqueue(() => Replace(members));

    /// <summary>
    /// Puts an event to be handled by the loop's thread; from any thread. What operators ask for (backup, handover, release)
    /// is asked of the whole sync group. Nothing happens if there is no such instance.
    /// </summary>
    public void Post(int id, VrrpEvent happened) => _commands.Enqueue(() =>
    {
        int index = Array.FindIndex(_members, m => m.Id == id);
        if (index >= 0)
        {
            Handle(index, happened, all: happened.Kind is VrrpEventKind.ForceBackup or VrrpEventKind.ReleaseBackup or VrrpEventKind.Handover);
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

    private void Turn()
    {
        long waitNs = Math.Clamp(NextDueNs() - NowNs, 0, _isAwaitingSend ? SendWaitNs : _isBehind ? ReceiveTurnNs : _waitNs);
        (_isBehind ? s_sleep : _packets).Until(waitNs);
        ReceiveAll();
        CountStop(waitNs);
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

        _isAwaitingSend = ownership.IsAwaitingSend();
        _announcements.SendDue(NowNs);
    }

    private void ReceiveAll()
    {
        _isBehind = false;
        foreach (VrrpLink link in _links)
        {
            _isBehind |= !Receive(link);
        }
    }

    private void CountStop(long waitedNs)
    {
        long nowNs = NowNs;
        Stops += nowNs - _turnedNs > waitedNs + _stallNs ? 1 : 0;
        _turnedNs = nowNs;
    }

    private void Replace(IReadOnlyList<VrrpMember> members)
    {
        Dictionary<VrrpMember, VrrpInstance> running = Instances.ToDictionary(i => i.Member, i => i.Instance);
        for (int i = 0; i < _members.Length; i++)
        {
            if (!members.Contains(_members[i]))
            {
                Handle(i, VrrpEvent.Shutdown);
                ownership.Release(_members[i].Id);
                running.Remove(_members[i]);
            }
        }

        _members = [.. members];
        _instances = [.. members.Select(m => running.TryGetValue(m, out VrrpInstance? instance) ? instance : new VrrpInstance(m.Config))];
        SetPlaces();
        SetLinks();
        long shortestNs = members.Select(m => m.Config.IntervalNs).DefaultIfEmpty(VrrpTimers.Never).Min();
        _waitNs = Math.Min(WaitMaxNs, shortestNs / WaitsPerInterval);
        _stallNs = Math.Min(StallMaxNs, shortestNs / WaitsPerInterval);
        int[] started = [.. Enumerable.Range(0, _members.Length).Where(i => !running.ContainsKey(_members[i]))];
        foreach (int i in started)
        {
            // All before the first starts: an owner is active at once, and a fault of one is its sync group's.
            ownership.Release(_members[i].Id);
            Handle(i, VrrpEvent.PriorityChanged(_members[i].Priority ?? _members[i].Config.Priority));
            Handle(i, VrrpEvent.FaultRaised(_members[i].Faults));
        }

        foreach (int i in started)
        {
            Handle(i, VrrpEvent.Startup);
        }
    }

    private void SetPlaces()
    {
        _places = new Place[_members.Length];
        foreach (IGrouping<object, int> together in Enumerable.Range(0, _members.Length).GroupBy(i => _members[i].SyncGroup ?? (object)i))
        {
            int[] indices = [.. together];
            VrrpSyncGroup group = new([.. indices.Select(i => _instances[i])]);
            for (int position = 0; position < indices.Length; position++)
            {
                _places[indices[position]] = new Place(group, indices, position);
            }
        }
    }

    private void SetLinks()
    {
        VrrpLink[] links = [.. _members.SelectMany(m => m.Heartbeats).Distinct()];
        foreach (VrrpLink gone in _links.Except(links))
        {
            gone.SetListeners([]);
        }

        foreach (VrrpLink used in links.Except(_links))
        {
            used.Socket.Discard();
        }

        foreach (VrrpLink link in links)
        {
            link.SetListeners([.. Enumerable.Range(0, _members.Length).Where(i => _members[i].Heartbeats.Contains(link)).Select(i => (i, _members[i].Config))]);
        }

        (_links, _packets) = (links, new SocketWait(links.Select(l => l.Socket.Socket)));
    }

    /// <summary>False if more may wait.</summary>
    private bool Receive(VrrpLink link)
    {
        for (int n = 0; n < ReceivePerTurn; n++)
        {
            if (!link.TryReceive(out VrrpReceived received))
            {
                return true;
            }

            if (received.Error == VrrpDecodeError.None)
            {
                Handle(received.Instance, received.Event);
                if (received.Source == _members[received.Instance].Config.PrimaryAddress)
                {
                    ownership.Troubled(_members[received.Instance].Id, new VrrpTrouble(VrrpTroubleKind.OwnAddress, received.Source));
                }
            }
            else if (received.Instance != VrrpReceiver.NoInstance)
            {
                _instances[received.Instance].Counters.Refuse(received.Error);
                ownership.Troubled(_members[received.Instance].Id, new VrrpTrouble(VrrpTroubleKind.Refused, received.Source, received.Error));
            }
        }

        return false;
    }

    private long NextDueNs()
    {
        long dueNs = _announcements.NextDueNs;
        foreach (VrrpInstance instance in _instances)
        {
            dueNs = Math.Min(dueNs, instance.NextDueNs);
        }

        return dueNs;
    }

    private void Handle(int index, in VrrpEvent happened, bool all = false)
    {
        Place place = _places[index];
        _effects.Clear();
        if (all)
        {
            place.Group.HandleAll(happened, NowNs, _effects);
        }
        else
        {
            place.Group.Handle(place.Position, happened, NowNs, _effects);
        }

        int unsent = -1;
        foreach (VrrpMemberEffect effect in _effects)
        {
            int member = place.Members[effect.Member];
            if (effect.Effect.Kind == VrrpEffectKind.SendAdvertisement)
            {
                unsent = Advertise(_members[member], effect.Effect) ? unsent : member;   // one that speaks both versions: either may have failed
            }
            else if (effect.Effect.Kind != VrrpEffectKind.RenewLease || member != unsent)
            {
                Apply(member, effect.Effect); // a lease is worth as much as its advertisement: peers count from the last one that they heard
            }
        }
    }

    private void Apply(int index, in VrrpEffect effect)
    {
        VrrpMember member = _members[index];
        switch (effect.Kind)
        {
            case VrrpEffectKind.RenewLease:
                ownership.Own(member.Id, effect.UntilNs);
                break;
            case VrrpEffectKind.EndLease:
                ownership.Release(member.Id);
                break;
            case VrrpEffectKind.BecomeActive or VrrpEffectKind.BecomeBackup or VrrpEffectKind.BecomeInitialize:
                ownership.Changed(member.Id, StateAfter(effect.Kind), effect.Reason, _instances[index].Priority);
                break;
            case VrrpEffectKind.SendGratuitousArp or VrrpEffectKind.SendUnsolicitedNeighbourAdvertisement:
                _announcements.Add(member, _instances[index], effect.Count);
                break;
            case VrrpEffectKind.HandoverFailed:
                ownership.Troubled(member.Id, new VrrpTrouble(VrrpTroubleKind.HandoverFailed));
                break;
            default:
                break;
        }
    }

    /// <summary>What the effect says, not what the instance has come to by now: in a sync group several changes may follow one another.</summary>
    private static VrrpState StateAfter(VrrpEffectKind kind) => kind switch
    {
        VrrpEffectKind.BecomeActive => VrrpState.Active,
        VrrpEffectKind.BecomeBackup => VrrpState.Backup,
        _ => VrrpState.Initialize,
    };

    /// <summary>False if no link took it.</summary>
    private bool Advertise(VrrpMember member, in VrrpEffect effect)
    {
        bool taken = false;
        foreach (VrrpLink link in member.Heartbeats)
        {
            taken |= member.Config.UnicastPeers.Count == 0
                ? link.TrySend(link.Frames.Advertisement(member.Config, effect.Priority, effect.Version))
                : AdvertiseToPeers(member, link, effect);
        }

        if (!taken)
        {
            ownership.Troubled(member.Id, new VrrpTrouble(VrrpTroubleKind.NotSent));
        }

        return taken;
    }

    /// <summary>A peer whose MAC address is not known does not hear us, whatever the link does.</summary>
    private bool AdvertiseToPeers(VrrpMember member, VrrpLink link, in VrrpEffect effect)
    {
        bool taken = true;
        Span<byte> mac = stackalloc byte[sizeof(ulong)];
        for (int i = 0; i < member.Config.UnicastPeers.Count; i++)
        {
            ulong word = neighbours.MacOf(member.PeerHops[i]);
            if (word == 0)
            {
                link.PeersUnresolved++;
                ownership.Troubled(member.Id, new VrrpTrouble(VrrpTroubleKind.PeerUnresolved, member.Config.UnicastPeers[i]));
                continue;
            }

            BinaryPrimitives.WriteUInt64LittleEndian(mac, word);
            taken &= link.TrySend(link.Frames.Advertisement(member.Config, effect.Priority, effect.Version, member.Config.UnicastPeers[i], mac[..VrrpMac.Bytes]));
        }

        return taken;
    }
}
