using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>
/// Announcements that wait to be sent: a few at a time, so that those of many groups neither delay advertisements nor crowd them
/// out. Each address is announced once before any is announced again.
/// </summary>
/// <param name="send">Sends one.</param>
public sealed class VrrpAnnouncements(Action<VrrpMember, VrrpAddress> send)
{
    /// <summary>Announcements in one slice at the most, and the time from one slice to the next.</summary>
    public const int SliceFrames = 64;

    /// <inheritdoc cref="SliceFrames"/>
    public const long SliceNs = VrrpLimits.NanosecondsPerMillisecond;

    private readonly Queue<Burst> _waiting = new();
    private long _dueNs;

    /// <summary>An announcement of all addresses of a member, several times.</summary>
    private sealed record Burst(VrrpMember Member, VrrpInstance Instance, int Count)
    {
        public IReadOnlyList<VrrpAddress> Addresses { get; } = [.. Member.Config.Addresses, .. Member.Excluded];

        public int Sent { get; set; }

        public int Left => (Count * Addresses.Count) - Sent;
    }

    /// <summary>When the next slice is due, or never.</summary>
    public long NextDueNs => _waiting.Count == 0 ? VrrpTimers.Never : _dueNs;

    /// <summary>Puts so many announcements of each of a member's addresses in line.</summary>
    public void Add(VrrpMember member, VrrpInstance instance, int count) => _waiting.Enqueue(new Burst(member, instance, count));

    /// <summary>Sends a slice if one is due. What is not active any more announces nothing.</summary>
    public void SendDue(long nowNs)
    {
        if (nowNs < NextDueNs)
        {
            return;
        }

        _dueNs = nowNs + SliceNs;
        for (int room = SliceFrames; room > 0 && _waiting.TryPeek(out Burst? burst);)
        {
            int round = burst.Addresses.Count - (burst.Sent % burst.Addresses.Count), frames = burst.Instance.State == VrrpState.Active ? Math.Min(room, round) : 0;
            for (int n = 0; n < frames; n++)
            {
                send(burst.Member, burst.Addresses[burst.Sent++ % burst.Addresses.Count]);
            }

            room -= frames;
            if (frames == round || frames == 0)
            {
                _waiting.Dequeue();
            }

            if (frames == round && burst.Left > 0)
            {
                _waiting.Enqueue(burst);
            }
        }
    }
}
