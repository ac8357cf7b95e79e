using System.Net;
using System.Net.Sockets;
using Forwarder.Api;
using Forwarder.Vrrp;
using static Forwarder.Control.ModelBuilder;

namespace Forwarder.Control;

/// <summary>Checks what VRRP groups track, and the programs that they run.</summary>
internal static class VrrpTrackBuilder
{
    private const int ProgramMsMin = 100, ProgramMsMax = 3_600_000, WindowMsMin = 1_000, RiseFallMax = 1_000, QuorumMax = 65_535, TracksMax = 1_024, ArgumentsMax = 64;

    /// <summary>Members that belong to some kinds only.</summary>
    private static readonly (string Member, Func<VrrpTrackSettings, object?> Read, VrrpTrackKind[] Kinds)[] s_members =
    [
        ("interface", s => s.Interface, [VrrpTrackKind.Link, VrrpTrackKind.Neighbour]),
        ("address", s => s.Address, [VrrpTrackKind.Neighbour]),
        ("service", s => s.Service, [VrrpTrackKind.Quorum]),
        ("quorum", s => s.Quorum, [VrrpTrackKind.Quorum]),
        ("destination", s => s.Destination, [VrrpTrackKind.Route]),
        ("command", s => s.Command, [VrrpTrackKind.Program]),
        ("user", s => s.User, [VrrpTrackKind.Program]),
        ("intervalMs", s => s.IntervalMs, [VrrpTrackKind.Program]),
        ("timeoutMs", s => s.TimeoutMs, [VrrpTrackKind.Program]),
        ("rise", s => s.Rise, [VrrpTrackKind.Program]),
        ("fall", s => s.Fall, [VrrpTrackKind.Program]),
        ("initFail", s => s.InitFail, [VrrpTrackKind.Program]),
        ("busyPercent", s => s.BusyPercent, [VrrpTrackKind.Busy]),
        ("windowMs", s => s.WindowMs, [VrrpTrackKind.Busy]),
    ];

    private static readonly Dictionary<string, VrrpTrackKind> s_kinds = Enum.GetValues<VrrpTrackKind>().ToDictionary(k => k.ToString().ToLowerInvariant());
    private static readonly string[] s_optional = ["user", "intervalMs", "timeoutMs", "rise", "fall", "initFail", "windowMs"];

    public static IReadOnlyList<VrrpTrackModel> Tracks(DesiredState state, IReadOnlyList<InterfaceModel> interfaces)
    {
        Demand(state.VrrpTracks.Count <= TracksMax, "/vrrpTracks", $"{state.VrrpTracks.Count} tracked objects; at most {TracksMax} are allowed.");
        List<VrrpTrackModel> tracks = new(state.VrrpTracks.Count);
        HashSet<string> names = [];
        for (int i = 0; i < state.VrrpTracks.Count; i++)
        {
            string at = $"/vrrpTracks/{i}";
            VrrpTrackSettings s = state.VrrpTracks[i] ?? throw ApiException.Invalid(at, "null is not allowed in this list.");
            CheckName(s.Name, $"{at}/name", VrrpModelBuilder.NameCharsMax);
            Demand(names.Add(s.Name), $"{at}/name", $"Tracked object \"{s.Name}\" is given twice.");
            tracks.Add(Track(s, interfaces, at));
        }

        return tracks;
    }

    /// <summary>What counts for a group or sync group of this priority.</summary>
    public static List<VrrpTrackUseModel> Uses(IReadOnlyList<VrrpTrackUse> uses, IReadOnlyList<VrrpTrackModel> tracks, int priority, string at)
    {
        List<VrrpTrackUseModel> found = [];
        for (int i = 0; i < uses.Count; i++)
        {
            VrrpTrackUse use = uses[i] ?? throw ApiException.Invalid($"{at}/{i}", "null is not allowed in this list.");
            VrrpTrackModel track = tracks.FirstOrDefault(t => t.Name == use.Name)
                ?? throw ApiException.Invalid($"{at}/{i}/name", $"There is no tracked object \"{use.Name}\" in /vrrpTracks; it has: {string.Join(", ", tracks.Select(t => t.Name).DefaultIfEmpty("none"))}.");
            Demand(!found.Any(f => f.Track == track), $"{at}/{i}/name", $"Tracked object \"{use.Name}\" is given twice.");
            VrrpTrackedObject counts = new(track.Name, use.Weight ?? track.Settings.Weight, use.Reverse ?? track.Settings.Reverse);
            if (counts.Validate((byte)priority) is [VrrpConfigProblem first, ..])
            {
                throw ApiException.Invalid($"{at}/{i}/{first.Field}", $"Weight of \"{track.Name}\": {first.Message}.");
            }

            found.Add(new VrrpTrackUseModel(track, counts));
        }

        return found;
    }

    /// <summary>Checks the programs of a group or sync group.</summary>
    public static void CheckNotify(VrrpNotifySettings? notify, string at)
    {
        if (notify == null)
        {
            return;
        }

        foreach ((string member, IReadOnlyList<string>? command) in new[] { ("active", notify.Active), ("backup", notify.Backup), ("fault", notify.Fault), ("stop", notify.Stop), ("any", notify.Any) })
        {
            CheckCommand(command, $"{at}/{member}");
        }

        CheckUser(notify.User, $"{at}/user");
        Range(notify.TimeoutMs, ProgramMsMin, ProgramMsMax, $"{at}/timeoutMs", "timeoutMs");
    }

    private static VrrpTrackModel Track(VrrpTrackSettings s, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        Demand(s_kinds.TryGetValue(s.Kind, out VrrpTrackKind kind), $"{at}/kind", $"\"{s.Kind}\" is not a kind; allowed are {string.Join(", ", s_kinds.Keys)}.");
        foreach ((string member, Func<VrrpTrackSettings, object?> read, VrrpTrackKind[] kinds) in s_members)
        {
            bool belongs = kinds.Contains(kind), given = read(s) != null;
            Demand(belongs || !given, $"{at}/{member}", $"{member} is not a member of kind \"{s.Kind}\".");
            Demand(!belongs || given || s_optional.Contains(member), $"{at}/{member}", $"Kind \"{s.Kind}\" needs {member}.");
        }

        Demand(Math.Abs(s.Weight) <= VrrpLimits.WeightMax, $"{at}/weight", $"Weight {s.Weight} is out of range; allowed are -{VrrpLimits.WeightMax} to {VrrpLimits.WeightMax}.");
        VrrpTrackModel track = new(kind, s);
        return kind switch
        {
            VrrpTrackKind.Link => OnInterface(track, interfaces, at),
            VrrpTrackKind.Neighbour => Neighbour(OnInterface(track, interfaces, at), interfaces, at),
            VrrpTrackKind.Quorum => Quorum(track, at),
            VrrpTrackKind.Route => track with { Destination = Destination(s.Destination!, $"{at}/destination") },
            VrrpTrackKind.Program => Program(track, at),
            VrrpTrackKind.Busy => Busy(track, at),
            _ => track,
        };
    }

    private static VrrpTrackModel OnInterface(VrrpTrackModel track, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        int index = interfaces.ToList().FindIndex(i => i.Name == track.Settings.Interface);
        Demand(index >= 0, $"{at}/interface", $"There is no interface \"{track.Settings.Interface}\"; interfaces are: {string.Join(", ", interfaces.Select(i => i.Name))}.");
        return track with { Interface = index, Port = interfaces[index].Port };
    }

    private static VrrpTrackModel Neighbour(VrrpTrackModel track, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        IPAddress address = Address(track.Settings.Address!, $"{at}/address", "Neighbour");
        InterfaceModel on = interfaces[track.Interface];
        Demand(address.IsIPv6LinkLocal || on.Addresses.Any(a => a.Network.Contains(address)), $"{at}/address", $"{address} is in no network of interface \"{on.Name}\".");
        Demand(!interfaces.Any(i => i.Addresses.Any(a => a.Address.Equals(address))), $"{at}/address", $"{address} is an own address of this director.");
        return track with { Address = address };
    }

    private static VrrpTrackModel Quorum(VrrpTrackModel track, string at)
    {
        Demand(ServiceKey.TryParse(track.Settings.Service!, out ServiceKey service), $"{at}/service", $"\"{track.Settings.Service}\" is not the id of a virtual service, as \"tcp:192.0.2.1:80\" is.");
        Range(track.Settings.Quorum!.Value, 1, QuorumMax, $"{at}/quorum", "quorum");
        return track with { Service = service };
    }

    private static VrrpTrackModel Program(VrrpTrackModel track, string at)
    {
        VrrpTrackSettings s = track.Settings;
        CheckCommand(s.Command, $"{at}/command");
        CheckUser(s.User, $"{at}/user");
        Range(s.IntervalMs ?? ProgramMsMin, ProgramMsMin, ProgramMsMax, $"{at}/intervalMs", "intervalMs");
        Range(s.TimeoutMs ?? ProgramMsMin, ProgramMsMin, ProgramMsMax, $"{at}/timeoutMs", "timeoutMs");
        Range(s.Rise ?? 1, 1, RiseFallMax, $"{at}/rise", "rise");
        Range(s.Fall ?? 1, 1, RiseFallMax, $"{at}/fall", "fall");
        return track;
    }

    private static VrrpTrackModel Busy(VrrpTrackModel track, string at)
    {
        Range(track.Settings.BusyPercent!.Value, 1, 100, $"{at}/busyPercent", "busyPercent");
        Range(track.Settings.WindowMs ?? WindowMsMin, WindowMsMin, ProgramMsMax, $"{at}/windowMs", "windowMs");
        return track;
    }

    private static IPNetwork Destination(string text, string at)
    {
        bool good = IPNetwork.TryParse(text, out IPNetwork network) && AddressText.TryParse(text.Split('/')[0], out IPAddress? address) && network.BaseAddress.Equals(address);
        Demand(good, at, $"\"{text}\" is not a network with its prefix, as \"192.0.2.0/24\" and \"0.0.0.0/0\" are.");
        return network;
    }

    private static void CheckCommand(IReadOnlyList<string>? command, string at)
    {
        if (command == null)
        {
            return;
        }

        Demand(command.Count is >= 1 and <= ArgumentsMax, at, $"{command.Count} words; allowed are 1 to {ArgumentsMax}.");
        Demand(command.All(word => word != null && !word.Contains('\0', StringComparison.Ordinal)), at, "A word is null or has a NUL character.");
        Demand(Path.IsPathFullyQualified(command[0]), $"{at}/0", $"\"{command[0]}\" is not an absolute path.");
    }

    private static void CheckUser(string? user, string at) =>
        Demand(user == null || (user.Length is >= 1 and <= 32 && user.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') && user[0] != '-'), at, $"\"{user}\" is not a user's name.");
}
