using System.Globalization;
using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>VRRP groups as routers show them.</summary>
internal static class VrrpTables
{
    /// <summary>A line for each group.</summary>
    public static void Brief(string body) => Table.Print(Console.Out, ["GROUP", "INTERFACE", "VRID", "PRIORITY", "STATE", "OWNED", "SINCE", "HELD FOR", "ACTIVE ROUTER", "SYNC GROUP", "VIPS"],
        JsonSerializer.Deserialize(body, ApiJson.Default.IReadOnlyListVrrpGroupView)!.Select(g => (string[])
            [g.Name, g.Interface, N(g.Vrid), N(g.Priority), g.State, g.Owned ? "yes" : "no", $"{N((long)g.SinceS)} s", g.HeldForS is { } held ? $"{N((long)held)} s" : "-", g.State == "active" ? "this" : g.ActiveRouter ?? "-", g.SyncGroup ?? "-", string.Join(' ', g.Addresses)]));

    /// <summary>Everything of one group.</summary>
    public static void Verbose(string body)
    {
        VrrpGroupView g = JsonSerializer.Deserialize(body, ApiJson.Default.VrrpGroupView)!;
        Console.WriteLine($"Group {g.Name}, interface {g.Interface}, VRID {N(g.Vrid)}, version {N(g.Version)}{(g.SyncGroup == null ? "" : $", sync group {g.SyncGroup}")}");
        Console.WriteLine($"  State {g.State} for {g.SinceS.ToString("0.000", CultureInfo.InvariantCulture)} s ({g.Reason}); VIPs {(g.Owned ? "are owned" : "are not owned")}: {string.Join(' ', g.Addresses)}");
        if ((g.HeldForS ?? g.StartsInS) is { } left)
        {
            Console.WriteLine($"  {(g.HeldForS == null ? "Takes part in" : "Held back as backup for")} {left.ToString("0.0", CultureInfo.InvariantCulture)} s");
        }

        Console.WriteLine($"  Priority {N(g.Priority)}; active router {(g.State == "active" ? "is this one" : g.ActiveRouter ?? "not heard")}, priority {N(g.ActivePriority)}");
        Console.WriteLine($"  Advertisement interval {Ms(g.IntervalMs)}, skew time {Ms(g.SkewMs)}, Master_Down_Interval {Ms(g.MasterDownMs)}");
        foreach (VrrpTrackView t in g.Tracks)
        {
            string says = t.Fault ? "fault" : t.Offset == 0 ? "nothing" : $"priority {t.Offset.ToString("+0;-0", CultureInfo.InvariantCulture)}";
            Console.WriteLine($"  Tracks {t.Name} ({t.Kind}{(t.Detail == null ? "" : $", {t.Detail}")}): {(t.Up ? "up" : "down")}, weight {N(t.Weight)}{(t.Reverse ? " reverse" : "")}: {says}");
        }

        foreach ((string name, long value) in g.Counters.Where(c => c.Value != 0))
        {
            Console.WriteLine($"  {name} {N(value)}");
        }
    }

    private static string Ms(double ms) => $"{ms.ToString("0.###", CultureInfo.InvariantCulture)} ms";

    private static string N(long number) => number.ToString(CultureInfo.InvariantCulture);
}
