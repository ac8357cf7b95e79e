namespace Forwarder.Vrrp;

/// <summary>
/// Instances that are active together or not at all. A member that loses its active router takes the others with it
/// only when none of them still hears one: else two groups with one broken link between them would change places
/// without end. A resignation (priority 0) is taken at its word by all.
/// </summary>
public sealed class VrrpSyncGroup
{
    private readonly VrrpInstance[] _members;
    private readonly List<VrrpEffect> _scratch = [];

    public VrrpSyncGroup(IReadOnlyList<VrrpInstance> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        _members = [.. members];
    }

    public IReadOnlyList<VrrpInstance> Members => _members;

    public long NextDueNs
    {
        get
        {
            long least = VrrpTimers.Never;
            foreach (VrrpInstance member in _members)
            {
                least = Math.Min(least, member.NextDueNs);
            }

            return least;
        }
    }

    /// <summary>What members may not differ in.</summary>
    public IReadOnlyList<VrrpConfigProblem> Validate()
    {
        var problems = new List<VrrpConfigProblem>();
        for (int i = 1; i < _members.Length; i++)
        {
            VrrpConfig first = _members[0].Config;
            VrrpConfig other = _members[i].Config;
            Compare(problems, i, "startDelayMs", first.StartDelayMs, other.StartDelayMs);
            Compare(problems, i, "preemptDelayMs", first.PreemptDelayMs, other.PreemptDelayMs);
            Compare(problems, i, "preempt", first.Preempt, other.Preempt);
            Compare(problems, i, "address owner", first.IsOwner, other.IsOwner);
        }

        return problems;
    }

    /// <summary>Takes an event of one member: an advertisement, a fault.</summary>
    public void Handle(int member, in VrrpEvent happened, long nowNs, List<VrrpMemberEffect> effects)
    {
        VrrpState before = _members[member].State;
        _members[member].PromotionHeld = IsAnyOtherFollowing(member);
        _members[member].GroupLeaseEndNs = RivalLeaseEndNs(member);
        Apply(member, happened, nowNs, effects);
        SpreadFaults(nowNs, effects);
        SpreadState(member, before, nowNs, effects);
    }

    /// <summary>Takes an event for all: start, stop, tick, forced backup, handover.</summary>
    public void HandleAll(in VrrpEvent happened, long nowNs, List<VrrpMemberEffect> effects)
    {
        for (int i = 0; i < _members.Length; i++)
        {
            Handle(i, happened, nowNs, effects);
        }
    }

    private bool IsAnyOtherFollowing(int member)
    {
        for (int i = 0; i < _members.Length; i++)
        {
            if (i != member && _members[i].IsFollowing)
            {
                return true;
            }
        }

        return false;
    }

    private long RivalLeaseEndNs(int member)
    {
        long latest = 0;
        for (int i = 0; i < _members.Length; i++)
        {
            latest = i == member ? latest : Math.Max(latest, _members[i].RivalLeaseEndNs);
        }

        return latest;
    }

    private void SpreadState(int member, VrrpState before, long nowNs, List<VrrpMemberEffect> effects)
    {
        VrrpInstance moved = _members[member];
        if (moved.State == before)
        {
            return;
        }

        if (moved.State == VrrpState.Active)
        {
            ApplyToOthers(member, VrrpEvent.GroupActive, nowNs, effects);
        }
        else if (moved.State == VrrpState.Backup && before == VrrpState.Active)
        {
            ApplyToOthers(member, LeaveWith(moved, nowNs), nowNs, effects);
        }
    }

    private static VrrpEvent LeaveWith(VrrpInstance moved, long nowNs)
    {
        if (moved.Reason == VrrpReason.HigherPriority)
        {
            return VrrpEvent.GroupYield;
        }

        // After a handover the others have to keep back for as long as this one.
        return moved.IsForcedBackup
            ? VrrpEvent.ForceBackup(moved.DueNs(VrrpTimer.ForcedBackup) - nowNs)
            : VrrpEvent.GroupBackup;
    }

    /// <summary>A fault of one member's own is a group fault of each other member.</summary>
    private void SpreadFaults(long nowNs, List<VrrpMemberEffect> effects)
    {
        for (int i = 0; i < _members.Length; i++)
        {
            bool wanted = IsAnyOtherAtFault(i);
            bool present = _members[i].Faults.HasFlag(VrrpFaults.Group);
            if (wanted != present)
            {
                VrrpEvent change = wanted
                    ? VrrpEvent.FaultRaised(VrrpFaults.Group)
                    : VrrpEvent.FaultCleared(VrrpFaults.Group);
                Apply(i, change, nowNs, effects);
            }
        }
    }

    private bool IsAnyOtherAtFault(int member)
    {
        for (int i = 0; i < _members.Length; i++)
        {
            if (i != member && (_members[i].Faults & ~VrrpFaults.Group) != VrrpFaults.None)
            {
                return true;
            }
        }

        return false;
    }

    private void ApplyToOthers(int member, in VrrpEvent happened, long nowNs, List<VrrpMemberEffect> effects)
    {
        for (int i = 0; i < _members.Length; i++)
        {
            if (i != member)
            {
                Apply(i, happened, nowNs, effects);
            }
        }
    }

    private void Apply(int member, in VrrpEvent happened, long nowNs, List<VrrpMemberEffect> effects)
    {
        _scratch.Clear();
        _members[member].Handle(happened, nowNs, _scratch);
        foreach (VrrpEffect effect in _scratch)
        {
            effects.Add(new VrrpMemberEffect(member, effect));
        }
    }

    private static void Compare<T>(List<VrrpConfigProblem> problems, int member, string field, T first, T other)
        where T : IEquatable<T>
    {
        if (!first.Equals(other))
        {
            problems.Add(new VrrpConfigProblem($"members[{member}].{field}", $"{other} differs from {first} of the first member; all members of a sync group need the same"));
        }
    }
}
