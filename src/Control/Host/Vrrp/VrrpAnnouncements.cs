using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Announcements that wait to be sent: a few at a time, so that those of many groups neither delay advertisements nor crowd them
/// out. Each address is announced once before any is announced again.
/// </summary>
/// <param name="send">Sends one.</param>
/// <param name="isOwned">Whether a member owns its addresses by now: others announce them when they do.</param>
public sealed class VrrpAnnouncements(Action<VrrpMember, VrrpAddress> send, Func<int, bool> isOwned)
{
    /// <summary>Announcements in one slice at the most, and the time from one slice to the next.</summary>
    public const int SliceFrames = 64;

    /// <inheritdoc cref="SliceFrames"/>
    public const long SliceNs = VrrpLimits.NanosecondsPerMillisecond;

    private readonly Dictionary<VrrpInstance, Burst> _bursts = [];
    private readonly Queue<Burst> _waiting = new();
    private long _dueNs;

    /// <summary>Announcements of all addresses of a member.</summary>
    private sealed class Burst(VrrpMember member, VrrpInstance instance)
    {
        public VrrpMember Member { get; } = member;

        public VrrpInstance Instance { get; } = instance;

        public IReadOnlyList<VrrpAddress> Addresses { get; } = [.. member.Config.Addresses, .. member.Excluded];

        /// <summary>Rounds to go, the one that has begun included, and the next address of it.</summary>
        public int Rounds { get; set; }

        public int Next { get; set; }
    }

    /// <summary>When the next slice is due, or never.</summary>
    public long NextDueNs => _waiting.Count == 0 ? VrrpTimers.Never : _dueNs;

    /// <summary>Puts so many announcements of each of a member's addresses in line; what still waits of it counts among them.</summary>
    public void Add(VrrpMember member, VrrpInstance instance, int count)
    {
        if (!_bursts.TryGetValue(instance, out Burst? burst))
        {
            burst = new Burst(member, instance);
            _bursts.Add(instance, burst);
            _waiting.Enqueue(burst);
        }

        burst.Rounds = Math.Max(burst.Rounds, count);
    }

    /// <summary>Sends a slice if one is due. What is not active any more announces nothing.</summary>
    public void SendDue(long nowNs)
    {
        if (nowNs < NextDueNs)
        {
            return;
        }

        _dueNs = nowNs + SliceNs;
        for (int room = SliceFrames, passed = 0; room > 0 && passed < _waiting.Count && _waiting.TryPeek(out Burst? burst);)
        {
            if (burst.Instance.State != VrrpState.Active)
            {
                burst.Rounds = 0;
            }
            else if (!isOwned(burst.Member.Id))
            {
                passed++;
                _waiting.Enqueue(_waiting.Dequeue());
                continue;
            }

            passed = 0;

            for (; burst.Rounds > 0 && burst.Next < burst.Addresses.Count && room > 0; room--)
            {
                send(burst.Member, burst.Addresses[burst.Next++]);
            }

            if (burst.Rounds == 0 || burst.Next == burst.Addresses.Count)
            {
                EndRound(burst);
            }
        }
    }

    private void EndRound(Burst burst)
    {
        _waiting.Dequeue();
        burst.Next = 0;
        if (--burst.Rounds > 0)
        {
            _waiting.Enqueue(burst);
        }
        else
        {
            _bursts.Remove(burst.Instance);
        }
    }
}
