using System.CommandLine;
using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>fwdctl snat: rules of SNAT.</summary>
public static class SnatCommands
{
    private const string Path = "v1/snat";

    /// <summary>The command with what is under it.</summary>
    public static Command Command()
    {
        Argument<string> name = new("name") { Description = "Name of a rule" };
        Option<string[]> sources = new("--source") { Description = "Where the inside hosts are, for example 10.0.0.0/24; may be given again", Required = true };
        Option<string[]> destinations = new("--destination") { Description = "Where they may go; may be given again (default: everywhere but to connected networks)" };
        Option<string?> pool = new("--source-pool") { Description = "Pool of the source addresses that they get" };
        Option<string[]> gateways = new("--gateway") { Description = "Next hop on the way out; once for each family", Required = true };
        Option<string?> inside = new("--interface") { Description = "Interface that the packets must come from" };
        Option<string?> timeouts = new("--timeouts") { Description = "Its own time-outs in seconds, for example tcpEstablishedS=60,udpS=10" };
        Option<string?> before = new("--before") { Description = "Rule that it stands before; the first one that takes a packet counts (default: the last one)" };
        Command snat = new("snat", "Rules of SNAT: connections outwards of inside hosts");
        snat.Add(Commands.Show("list", "All rules, in their order", Path, List));
        snat.Add(Commands.Action("show", "One rule", (api, p) => Console.WriteLine(api.GetText(Of(p.GetValue(name)!))), name));
        snat.Add(Commands.Action("add", "Add a rule", (api, p) => Commands.Change(api, p, HttpMethod.Post, $"{Path}{(p.GetValue(before) is { } next ? $"?before={Uri.EscapeDataString(next)}" : "")}", ApiClient.Json(Rule(p), ApiJson.Default.SnatRule)), name, sources, destinations, pool, gateways, inside, timeouts, before));
        snat.Add(Commands.Action("set", "Replace a rule where it stands, or add it", (api, p) => Commands.Change(api, p, HttpMethod.Put, Of(p.GetValue(name)!), ApiClient.Json(Rule(p), ApiJson.Default.SnatRule)), name, sources, destinations, pool, gateways, inside, timeouts));
        snat.Add(Commands.Action("delete", "Remove a rule; its flows end", (api, p) => Commands.Change(api, p, HttpMethod.Delete, Of(p.GetValue(name)!), null), name));
        return snat;

        SnatRule Rule(ParseResult p) => new()
        {
            Name = p.GetValue(name)!, Sources = p.GetValue(sources)!, Destinations = p.GetValue(destinations) is { Length: > 0 } given ? given : null, SourcePool = p.GetValue(pool),
            Gateways = p.GetValue(gateways)!, Interface = p.GetValue(inside), Timeouts = Commands.Timeouts(p.GetValue(timeouts)),
        };
    }

    private static string Of(string name) => $"{Path}/{Uri.EscapeDataString(name)}";

    private static void List(string body) => Table.Print(Console.Out, ["RULE", "SOURCES", "DESTINATIONS", "POOL", "INTERFACE", "GATEWAYS", "ACTIVE", "INACTIVE", "CONNECTIONS", "PACKETS"],
        JsonSerializer.Deserialize(body, ApiJson.Default.IReadOnlyListSnatRuleView)!.Select(r => (string[])[r.Name, string.Join(',', r.Sources), r.Destinations == null ? "-" : string.Join(',', r.Destinations), r.SourcePool, r.Interface ?? "-",
            string.Join(',', r.Gateways.Select(g => $"{g.Address} {g.Neighbour}")), Commands.N(r.ActiveConnections), Commands.N(r.InactiveConnections), Commands.N(r.Traffic.Connections), Commands.N(r.Traffic.Packets)]));
}
