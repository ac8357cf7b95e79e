using Forwarder.Api;
using Forwarder.Vrrp;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Checks the sync groups of a desired state; what members may not differ in is checked by <see cref="VrrpSyncGroup.Validate"/>.</summary>
internal static class VrrpSyncRules
{
    private const int GroupsMin = 2;

    /// <summary>The groups, each with its sync group.</summary>
    public static List<VrrpGroupModel> Apply(IReadOnlyList<VrrpSyncGroupSettings> syncGroups, List<VrrpGroupModel> groups, IReadOnlyList<VrrpTrackModel> tracks)
    {
        HashSet<string> names = [];
        for (int i = 0; i < syncGroups.Count; i++)
        {
            string at = $"/vrrpSyncGroups/{i}";
            VrrpSyncGroupSettings sync = syncGroups[i] ?? throw ApiException.Invalid(at, "null is not allowed in this list.");
            CheckName(sync.Name, $"{at}/name", VrrpModelBuilder.NameCharsMax);
            Demand(names.Add(sync.Name), $"{at}/name", $"Sync group \"{sync.Name}\" is given twice.");
            Demand(sync.Groups.Count >= GroupsMin, $"{at}/groups", $"{sync.Groups.Count} groups; a sync group needs at least {GroupsMin}.");
            Join(sync, groups, at);
            ShareTracks(sync, groups, tracks, at);
            VrrpTrackBuilder.CheckNotify(sync.Notify, $"{at}/notify");
        }

        return groups;
    }

    private static void Join(VrrpSyncGroupSettings sync, List<VrrpGroupModel> groups, string at)
    {
        List<VrrpInstance> members = [];
        for (int m = 0; m < sync.Groups.Count; m++)
        {
            int index = groups.FindIndex(g => g.Name == sync.Groups[m]);
            Demand(index >= 0, $"{at}/groups/{m}", $"There is no VRRP group \"{sync.Groups[m]}\"; groups are: {string.Join(", ", groups.Select(g => g.Name))}.");
            Demand(groups[index].SyncGroup == null, $"{at}/groups/{m}", $"Group \"{sync.Groups[m]}\" is in sync group \"{groups[index].SyncGroup?.Name}\" already; a group is in one at most.");
            groups[index] = groups[index] with { SyncGroup = sync };
            members.Add(new VrrpInstance(groups[index].Config));
            if (new VrrpSyncGroup([members[0], members[^1]]).Validate() is [VrrpConfigProblem first, ..])
            {
                throw ApiException.Invalid($"{at}/groups/{m}", $"{first.Field[(first.Field.IndexOf('.', StringComparison.Ordinal) + 1)..]} of group \"{sync.Groups[m]}\": {first.Message}.");
            }
        }
    }

    /// <summary>What one member tracks counts for all, so that tracking cannot pull them apart.</summary>
    private static void ShareTracks(VrrpSyncGroupSettings sync, List<VrrpGroupModel> groups, IReadOnlyList<VrrpTrackModel> tracks, string at)
    {
        List<VrrpGroupModel> members = [.. groups.Where(g => g.SyncGroup == sync)];
        List<VrrpTrackUseModel> all = VrrpTrackBuilder.Uses(sync.Track, tracks, members.Max(m => m.Settings.Priority), $"{at}/track");
        foreach (VrrpTrackUseModel use in members.SelectMany(m => m.Tracks))
        {
            VrrpTrackUseModel? same = all.Find(u => u.Track == use.Track);
            Demand(same == null || same.Counts == use.Counts, $"{at}/groups", $"Tracked object \"{use.Track.Name}\" counts differently for members of sync group \"{sync.Name}\"; what one tracks counts for all.");
            if (same == null)
            {
                all.Add(use);
            }
        }

        foreach (VrrpGroupModel member in members)
        {
            groups[groups.IndexOf(member)] = member with { Tracks = all };
        }
    }
}
