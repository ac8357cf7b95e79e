using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>From an instance to what the API shows. Runs on the loop's thread.</summary>
internal static class VrrpViews
{
    public static VrrpGroupView Make(VrrpGroupModel group, VrrpMember member, VrrpInstance i, VrrpLoop loop, bool owned, IReadOnlyList<VrrpTrackView> tracks) => new()
    {
        Name = group.Name, Interface = group.Settings.Interface, Vrid = group.Key.Vrid, Version = group.Settings.Version, Addresses = group.Settings.Addresses, SyncGroup = group.SyncGroup?.Name,
        State = VrrpText.Of(i.State), Reason = VrrpText.Of(i.Reason), SinceS = Math.Round((VrrpLoop.NowNs - i.SinceNs) / (double)VrrpLimits.NanosecondsPerSecond, 3),
        Priority = i.Priority, Owned = owned, ActiveRouter = i.ActiveRouter?.ToString(), ActivePriority = i.ActivePriority,
        IntervalMs = Ms(i.ActiveIntervalNs), SkewMs = Ms(i.SkewNs), MasterDownMs = Ms(i.MasterDownNs), Tracks = tracks, Counters = Counters(i.Counters, member.Heartbeats, loop),
    };

    private static double Ms(long ns) => ns / (double)VrrpLimits.NanosecondsPerMillisecond;

    private static Dictionary<string, long> Counters(VrrpCounters c, IReadOnlyList<VrrpLink> links, VrrpLoop loop)
    {
        Dictionary<string, long> counters = new()
        {
            ["activeTransitions"] = c.ActiveTransitions, ["advertsReceived"] = c.AdvertsReceived, ["advertsSent"] = c.AdvertsSent,
            ["priorityZeroReceived"] = c.PriorityZeroReceived, ["priorityZeroSent"] = c.PriorityZeroSent, ["losersIgnored"] = c.LosersIgnored,
            ["ownerConflicts"] = c.OwnerConflicts, ["rivalsHeard"] = c.RivalsHeard, ["intervalsLearned"] = c.IntervalsLearned, ["version2Shadowed"] = c.Version2Shadowed,
            ["lateTimers"] = c.LateTimers, ["leasesLost"] = c.LeasesLost, ["interface.sendErrors"] = links.Sum(l => l.SendErrors), ["interface.peersUnresolved"] = links.Sum(l => l.PeersUnresolved), ["interface.stops"] = loop.Stops,
        };
        foreach (VrrpDecodeError error in Enum.GetValues<VrrpDecodeError>().Where(e => e != VrrpDecodeError.None))
        {
            counters[$"interface.{char.ToLowerInvariant(error.ToString()[0])}{error.ToString()[1..]}"] = links.Sum(l => l.Count(error));
        }

        return counters;
    }
}
