using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Keeps the MAC addresses of the snapshot's next hops fresh and holds packets that wait for one. States and times after
/// RFC 4861 sections 7.3 and 10, for ARP too. Allocates only when made.
/// </summary>
public sealed unsafe class NeighbourTable
{
    /// <summary>How long a confirmed address counts as reachable, and between two questions, in ms.</summary>
    public const int ReachableTimeMs = 30_000, RetransTimerMs = 1_000;

    /// <summary>The same for neighbours that are watched: VRRP peers, tracked gateways.</summary>
    public const int WatchedReachableTimeMs = 1_000;

    /// <summary>Questions before a neighbour counts as failed, and the longest pause before it is asked again.</summary>
    public const int MaxSolicit = 3, FailedRetryMaxMs = 30_000;

    /// <summary>Packets that wait: for one neighbour, altogether, and how long.</summary>
    public const int WaitingPerNeighbourMax = 8, WaitingMax = MbufPlan.WaitingMax, WaitingMs = 3_000;

    /// <summary>Next hops looked at in one tick, and questions sent.</summary>
    private const int SlotsPerTick = 4_096, SolicitsPerTick = 256;

    private const int IndexLog2 = 18;

    private struct Hop
    {
        public ulong High, Low;
        public ushort Interface;
        public byte IpVersion, IsWatched, Tries, Waiting;
        public long DueMs;
    }

    private struct WaitingPacket
    {
        public ulong Packet;
        public byte* Frame;
        public int Length;
        public uint Slot, Group;
        public long DeadlineMs;
    }

    private readonly SlowPath _slowPath;
    private readonly ISlowPathHost _host;
    private readonly ulong* _words;
    private readonly Hop[] _hops = new Hop[Limits.NextHopsMax];
    private readonly uint[] _index = new uint[1 << IndexLog2];
    private readonly WaitingPacket[] _waiting = new WaitingPacket[WaitingMax];
    private SnapshotView _view;
    private int _hopCount, _waitingCount;
    private uint _cursor;
    private bool _started;

    internal NeighbourTable(SlowPath slowPath, ISlowPathHost host, ulong* words)
    {
        _slowPath = slowPath;
        _host = host;
        _words = words;
    }

    /// <summary>Takes the next hops of a snapshot. Those that are the same keep their state; after a start, addresses that the region remembers are used and asked for again.</summary>
    public void SetSnapshot(in SnapshotView view, long nowMs)
    {
        _view = view;
        Array.Clear(_index);
        int before = _hopCount;
        _hopCount = view.NextHopCount;
        for (int slot = 1; slot < Math.Max(before, _hopCount); slot++)
        {
            NextHopEntry entry = slot < _hopCount ? view.NextHops[slot] : default;
            ref Hop hop = ref _hops[slot];
            bool same = entry.IpVersion != 0 && hop.IpVersion == entry.IpVersion && hop.High == entry.High && hop.Low == entry.Low && hop.Interface == entry.Interface;
            if (!same)
            {
                bool remembered = !_started && entry.IpVersion != 0 && NeighbourWord.IsUsable(_words[slot]);
                GiveUpWaiting((uint)slot);
                hop = new Hop { High = entry.High, Low = entry.Low, Interface = entry.Interface, IpVersion = entry.IpVersion, DueMs = nowMs };
                SetWord(slot, remembered ? NeighbourWord.Mac(_words[slot]) : 0, remembered ? NeighbourState.Stale : NeighbourState.None);
            }

            hop.IsWatched = entry.IsWatched;
            if (entry.IpVersion != 0)
            {
                AddToIndex((uint)slot);
            }
        }

        _started = true;
    }

    /// <summary>A neighbour has told its address: by a reply, an advertisement, or a question of its own.</summary>
    public void Learn(ulong high, ulong low, int interfaceId, ulong mac, long nowMs)
    {
        for (uint at = Hashes.Slot(Hashes.Fold(high, low, (ulong)interfaceId), IndexLog2); _index[at] != 0; at = (at + 1) & ((1u << IndexLog2) - 1))
        {
            uint slot = _index[at];
            ref Hop hop = ref _hops[slot];
            if (hop.High == high && hop.Low == low && hop.Interface == interfaceId)
            {
                SetWord((int)slot, mac, NeighbourState.Reachable);
                hop.Tries = 0;
                hop.DueMs = nowMs + (hop.IsWatched != 0 ? WatchedReachableTimeMs : ReachableTimeMs);
                if (hop.Waiting != 0)
                {
                    Flush(slot);
                }
            }
        }
    }

    /// <summary>A packet, ready but for its destination MAC, waits for a next hop.</summary>
    public void Wait(ulong packet, byte* frame, int length, uint slot, uint group, long nowMs)
    {
        ref Hop hop = ref _hops[slot];
        if (slot >= (uint)_hopCount || hop.IpVersion == 0)
        {
            _host.Drop(packet, DropReason.NeighbourUnresolved);
        }
        else if (NeighbourWord.IsUsable(_words[slot]))
        {
            Send(packet, frame, length, slot, group); // answered in the meantime
        }
        else if (hop.Waiting >= WaitingPerNeighbourMax || _waitingCount == WaitingMax)
        {
            _host.Drop(packet, DropReason.NeighbourQueueFull);
        }
        else
        {
            _waiting[_waitingCount++] = new WaitingPacket { Packet = packet, Frame = frame, Length = length, Slot = slot, Group = group, DeadlineMs = nowMs + WaitingMs };
            hop.Waiting++;
            _slowPath.Counters->QueuedForNeighbour++;
            if (NeighbourWord.State(_words[slot]) is NeighbourState.Failed or NeighbourState.None)
            {
                hop.Tries = 0;
                Solicit(slot, NeighbourState.Incomplete, nowMs); // somebody needs it: do not wait for the next retry
            }
        }
    }

    /// <summary>Asks what is due and gives up on packets that have waited too long.</summary>
    public void Tick(long nowMs)
    {
        int solicits = 0;
        for (int n = Math.Min(_hopCount, SlotsPerTick); n > 0 && solicits < SolicitsPerTick; n--)
        {
            _cursor = _cursor + 1 >= (uint)_hopCount ? 1 : _cursor + 1;
            if (_cursor < (uint)_hopCount && _hops[_cursor].IpVersion != 0 && _hops[_cursor].DueMs <= nowMs)
            {
                Advance(_cursor, nowMs);
                solicits++;
            }
        }

        for (int i = _waitingCount - 1; i >= 0; i--)
        {
            if (_waiting[i].DeadlineMs <= nowMs)
            {
                _host.Drop(TakeWaiting(i).Packet, DropReason.NeighbourTimeout);
            }
        }
    }

    private void Advance(uint slot, long nowMs)
    {
        ref Hop hop = ref _hops[slot];
        NeighbourState state = NeighbourWord.State(_words[slot]);
        if (state is NeighbourState.None)
        {
            hop.Tries = 0;
            Solicit(slot, NeighbourState.Incomplete, nowMs);
        }
        else if (state is NeighbourState.Reachable)
        {
            hop.Tries = 0;
            Solicit(slot, NeighbourState.Stale, nowMs);
        }
        else if (state is NeighbourState.Incomplete or NeighbourState.Stale && hop.Tries < MaxSolicit)
        {
            Solicit(slot, state, nowMs);
        }
        else
        {
            Solicit(slot, NeighbourState.Failed, nowMs);
            hop.DueMs = hop.IsWatched != 0 ? nowMs + RetransTimerMs : nowMs + Math.Min((long)RetransTimerMs << Math.Min(hop.Tries - MaxSolicit, 5), FailedRetryMaxMs);
        }
    }

    private void Solicit(uint slot, NeighbourState state, long nowMs)
    {
        ref Hop hop = ref _hops[slot];
        ulong mac = NeighbourWord.Mac(_words[slot]);
        SetWord((int)slot, mac, state);
        hop.Tries = (byte)Math.Min(hop.Tries + 1, byte.MaxValue);
        hop.DueMs = nowMs + RetransTimerMs;
        _slowPath.Solicit(hop.Interface, hop.IpVersion, hop.High, hop.Low, state == NeighbourState.Stale ? mac : 0);
    }

    private void Flush(uint slot)
    {
        for (int i = 0; i < _waitingCount;)
        {
            if (_waiting[i].Slot == slot)
            {
                WaitingPacket packet = TakeWaiting(i);
                Send(packet.Packet, packet.Frame, packet.Length, slot, packet.Group);
            }
            else
            {
                i++;
            }
        }
    }

    /// <summary>The next hop of a slot goes: what waits for it is not its successor's.</summary>
    private void GiveUpWaiting(uint slot)
    {
        for (int i = _waitingCount - 1; i >= 0 && _hops[slot].Waiting != 0; i--)
        {
            if (_waiting[i].Slot == slot)
            {
                _host.Drop(TakeWaiting(i).Packet, DropReason.NeighbourUnresolved);
            }
        }
    }

    private WaitingPacket TakeWaiting(int i)
    {
        WaitingPacket packet = _waiting[i];
        _hops[packet.Slot].Waiting--;
        // The order of those behind stays: a flow's packets leave as they came.
        Array.Copy(_waiting, i + 1, _waiting, i, _waitingCount - i - 1);
        _waitingCount--;
        return packet;
    }

    private void Send(ulong packet, byte* frame, int length, uint slot, uint group)
    {
        ulong word = _words[slot];
        EthernetHeader.SetMacs(frame, NeighbourWord.Mac(word), _slowPath.PortMac(NeighbourWord.Port(word)));
        _slowPath.Counters->SentFromQueue++;
        _host.Send(packet, frame, length, NeighbourWord.Port(word), group);
    }

    private void SetWord(int slot, ulong mac, NeighbourState state)
    {
        int interfaceId = _hops[slot].Interface;
        int port = interfaceId < _view.InterfaceCount ? _view.Interfaces[interfaceId].Port : 0;
        Volatile.Write(ref _words[slot], NeighbourWord.Pack(mac, state, port));
    }

    private void AddToIndex(uint slot)
    {
        ref Hop hop = ref _hops[slot];
        uint at = Hashes.Slot(Hashes.Fold(hop.High, hop.Low, hop.Interface), IndexLog2);
        while (_index[at] != 0)
        {
            at = (at + 1) & ((1u << IndexLog2) - 1);
        }

        _index[at] = slot;
    }
}
