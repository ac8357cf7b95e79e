using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>From an instance to what the API shows. Runs on the loop's thread.</summary>
internal static class VrrpViews
{
    public static VrrpGroupView Make(VrrpGroupModel group, VrrpMember member, VrrpInstance i, VrrpLoop loop, bool owned, IReadOnlyList<VrrpTrackView> tracks) => new()
    {
        Name = group.Name, Interface = group.Settings.Interface, Vrid = group.Key.Vrid, Version = group.Settings.Version, Addresses = [.. group.Addresses.Select(a => a.ToString())], SyncGroup = group.SyncGroup?.Name,
        State = VrrpText.Of(i.State), Reason = VrrpText.Of(i.Reason), SinceS = SinceS(i.SinceNs), HeldForS = Left(i, VrrpTimer.ForcedBackup), StartsInS = Left(i, VrrpTimer.StartDelay),
        Priority = i.Priority, Owned = owned, ActiveRouter = i.ActiveRouter?.ToString(), ActivePriority = i.ActivePriority,
        IntervalMs = Ms(i.ActiveIntervalNs), SkewMs = Ms(i.SkewNs), MasterDownMs = Ms(i.MasterDownNs), Tracks = tracks,
        ActiveReason = i.Counters.ActiveTransitions == 0 ? null : VrrpText.Of(i.Counters.ActiveReason), LastRefusal = i.Counters.LastRefusal == VrrpDecodeError.None ? null : VrrpText.Of(i.Counters.LastRefusal),
        CountersSinceS = SinceS(i.Counters.SinceNs), Counters = Counters(i.Counters, member.Heartbeats, loop),
    };

    /// <summary>What does not say which group it is for.</summary>
    private static readonly VrrpDecodeError[] s_withoutVrid = [VrrpDecodeError.BadIpHeader, VrrpDecodeError.NotVrrp, VrrpDecodeError.BadVrid];

    private static double SinceS(long ns) => Math.Round((VrrpLoop.NowNs - ns) / (double)VrrpLimits.NanosecondsPerSecond, 3);

    private static double? Left(VrrpInstance i, VrrpTimer timer) => i.DueNs(timer) == VrrpTimers.Never ? null : Math.Max(0, -SinceS(i.DueNs(timer)));

    private static double Ms(long ns) => ns / (double)VrrpLimits.NanosecondsPerMillisecond;

    private static Dictionary<string, long> Counters(VrrpCounters c, IReadOnlyList<VrrpLink> links, VrrpLoop loop)
    {
        Dictionary<string, long> counters = new()
        {
            ["activeTransitions"] = c.ActiveTransitions, ["advertsReceived"] = c.AdvertsReceived, ["advertsSent"] = c.AdvertsSent,
            ["priorityZeroReceived"] = c.PriorityZeroReceived, ["priorityZeroSent"] = c.PriorityZeroSent, ["priorityZeroIgnored"] = c.PriorityZeroIgnored, ["losersIgnored"] = c.LosersIgnored,
            ["ownAddressReceived"] = c.OwnAddressReceived, ["receivedInInitialize"] = c.ReceivedInInitialize, ["heldByGroup"] = c.HeldByGroup,
            ["ownerConflicts"] = c.OwnerConflicts, ["rivalsHeard"] = c.RivalsHeard, ["intervalsLearned"] = c.IntervalsLearned, ["version2Shadowed"] = c.Version2Shadowed,
            ["lateTimers"] = c.LateTimers, ["leasesLost"] = c.LeasesLost, ["interface.sendErrors"] = links.Sum(l => l.SendErrors), ["interface.peersUnresolved"] = links.Sum(l => l.PeersUnresolved), ["interface.stops"] = loop.Stops,
        };
        VrrpDecodeError[] errors = [.. Enum.GetValues<VrrpDecodeError>().Where(e => e != VrrpDecodeError.None)];
        foreach (VrrpDecodeError error in errors.Except(s_withoutVrid))
        {
            counters[VrrpText.Of(error)] = c.Refused(error);
        }

        foreach (VrrpDecodeError error in errors)
        {
            counters[$"interface.{VrrpText.Of(error)}"] = links.Sum(l => l.Count(error));
        }

        return counters;
    }
}
