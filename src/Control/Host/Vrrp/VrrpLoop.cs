using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// All instances with real time and real sockets. One thread runs them, so that sync groups can reach over ports: it waits for
/// packets and for the next timer, hands in what came, then ticks, and carries out the effects in order.
/// </summary>
public sealed class VrrpLoop(IVrrpOwnership ownership, IVrrpNeighbours neighbours)
{
    /// <summary>Later than this beyond what was asked for: the thread was stopped, and what waits may be old.</summary>
    private const long StoppedNs = 20 * VrrpLimits.NanosecondsPerMillisecond;

    /// <summary>Longest wait: a command is taken after so long.</summary>
    private const long WaitMaxNs = 50 * VrrpLimits.NanosecondsPerMillisecond;

    private const int WaitsPerInterval = 4, ReceivePerTurn = 1_024;

    private readonly List<VrrpMemberEffect> _effects = [];
    private readonly ConcurrentQueue<Action> _commands = new();
    private readonly List<Socket> _waitScratch = [];
    private readonly VrrpAnnouncements _announcements = new((member, address) => member.Home.Send(member.Home.Frames.Announcement(member.Config, address)));
    private VrrpLink[] _links = [];
    private VrrpSocket[] _sockets = [];
    private VrrpMember[] _members = [];
    private VrrpInstance[] _instances = [];
    private Place[] _places = [];
    private long _waitNs = WaitMaxNs;

    /// <summary>Where a member stands in its sync group; one without moves in a group of its own.</summary>
    private readonly record struct Place(VrrpSyncGroup Group, int[] Members, int Position);

    /// <summary>The clock of the loop: monotonic, in ns.</summary>
    public static long NowNs => (long)(Stopwatch.GetTimestamp() * (VrrpLimits.NanosecondsPerSecond / (double)Stopwatch.Frequency));

    /// <summary>What runs, and its instances. They belong to the loop's thread: look at them in <see cref="AskAsync"/>.</summary>
    public IEnumerable<(VrrpMember Member, VrrpInstance Instance)> Instances => _members.Zip(_instances);

    /// <summary>Times that the thread came back so late that what had come in was taken for old.</summary>
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
        long beforeNs = NowNs;
        long waitNs = Math.Clamp(NextDueNs() - beforeNs, 0, _waitNs);
        Wait(TimeSpan.FromMicroseconds(waitNs / 1_000));
        long tookNs = NowNs - beforeNs;
        bool stopped = tookNs > waitNs + StoppedNs;
        Stops += stopped ? 1 : 0;
        foreach (VrrpLink link in _links)
        {
            Receive(link, stopped ? tookNs : 0);
        }

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

        _announcements.SendDue(NowNs);
    }

    private void Wait(TimeSpan time)
    {
        if (_sockets.Length == 0)
        {
            Thread.Sleep(time);
        }
        else
        {
            VrrpSocket.Wait(_sockets, time, _waitScratch);
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
                ownership.Release(_members[i].Id);
                running.Remove(_members[i]);
            }
        }

        _members = [.. members];
        _instances = [.. members.Select(m => running.TryGetValue(m, out VrrpInstance? instance) ? instance : new VrrpInstance(m.Config))];
        SetPlaces();
        SetLinks();
        _waitNs = members.Count == 0 ? WaitMaxNs : Math.Min(WaitMaxNs, members.Min(m => m.Config.IntervalNs) / WaitsPerInterval);
        for (int i = 0; i < _members.Length; i++)
        {
            if (!running.ContainsKey(_members[i]))
            {
                ownership.Release(_members[i].Id);
                Handle(i, VrrpEvent.Startup);
            }
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

        foreach (VrrpLink link in links)
        {
            link.SetListeners([.. Enumerable.Range(0, _members.Length).Where(i => _members[i].Heartbeats.Contains(link)).Select(i => (i, _members[i].Config))]);
        }

        (_links, _sockets) = (links, [.. links.Select(l => l.Socket)]);
    }

    private void Receive(VrrpLink link, long ageNs)
    {
        for (int n = 0; n < ReceivePerTurn && link.TryReceive(out VrrpReceived received); n++)
        {
            if (received.Error == VrrpDecodeError.None)
            {
                Handle(received.Instance, received.Event with { AgeNs = ageNs });
            }
            else if (received.Instance != VrrpReceiver.NoInstance)
            {
                _instances[received.Instance].Counters.Refuse(received.Error);
            }
        }
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

        foreach (VrrpMemberEffect effect in _effects)
        {
            Apply(place.Members[effect.Member], effect.Effect);
        }
    }

    private void Apply(int index, in VrrpEffect effect)
    {
        VrrpMember member = _members[index];
        switch (effect.Kind)
        {
            case VrrpEffectKind.SendAdvertisement:
                Advertise(member, effect);
                break;
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

    private void Advertise(VrrpMember member, in VrrpEffect effect)
    {
        foreach (VrrpLink link in member.Heartbeats)
        {
            if (member.Config.UnicastPeers.Count == 0)
            {
                link.Send(link.Frames.Advertisement(member.Config, effect.Priority, effect.Version));
            }
            else
            {
                AdvertiseToPeers(member, link, effect);
            }
        }
    }

    private void AdvertiseToPeers(VrrpMember member, VrrpLink link, in VrrpEffect effect)
    {
        Span<byte> mac = stackalloc byte[sizeof(ulong)];
        for (int i = 0; i < member.Config.UnicastPeers.Count; i++)
        {
            ulong word = neighbours.MacOf(member.PeerHops[i]);
            if (word == 0)
            {
                link.PeersUnresolved++;
                continue;
            }

            BinaryPrimitives.WriteUInt64LittleEndian(mac, word);
            link.Send(link.Frames.Advertisement(member.Config, effect.Priority, effect.Version, member.Config.UnicastPeers[i], mac[..VrrpMac.Bytes]));
        }
    }
}
