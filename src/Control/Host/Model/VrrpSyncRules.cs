using Forwarder.Api;
using Forwarder.Vrrp;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Checks the sync groups of a desired state; what members may not differ in is checked by <see cref="VrrpSyncGroup.Validate"/>.</summary>
internal static class VrrpSyncRules
{
    private const int GroupsMin = 2;

    /// <summary>The groups, each with its sync group.</summary>
    public static List<VrrpGroupModel> Apply(IReadOnlyList<VrrpSyncGroupSettings> syncGroups, List<VrrpGroupModel> groups)
    {
        HashSet<string> names = [];
        for (int i = 0; i < syncGroups.Count; i++)
        {
            string at = $"/vrrpSyncGroups/{i}";
            VrrpSyncGroupSettings sync = syncGroups[i] ?? throw ApiException.Invalid(at, "null is not allowed in this list.");
            Demand(IsName(sync.Name), $"{at}/name", $"\"{sync.Name}\" is not a name; allowed are 1 to 15 letters, digits, '.', '-' and '_'.");
            Demand(names.Add(sync.Name), $"{at}/name", $"Sync group \"{sync.Name}\" is given twice.");
            Demand(sync.Groups.Count >= GroupsMin, $"{at}/groups", $"{sync.Groups.Count} groups; a sync group needs at least {GroupsMin}.");
            Join(sync, groups, at);
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
}
