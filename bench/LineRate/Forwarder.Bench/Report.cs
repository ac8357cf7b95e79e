using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Forwarder.Bench;

/// <summary>Prints results as a table and as JSON.</summary>
public static class Report
{
    /// <summary>The machine's facts.</summary>
    public static void Facts(Dictionary<string, string> facts)
    {
        foreach ((string name, string value) in facts)
        {
            Console.WriteLine($"{name + ":",-10}{value}");
        }
    }

    /// <summary>One case.</summary>
    public static void Table(CaseResult result)
    {
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.Case}, {result.Rounds} round(s), TSC {result.TscHz / 1e9:F3} GHz"));
        Console.WriteLine($"{"program",-26}{"cycles/packet",14}{"min",9}{"max",9}{"Mpps",9}{"rounds",9}{"slices",14}{"generator",11}");
        foreach (MeasuredProgram program in result.Programs.Prepend(MeasuredProgram.Floor))
        {
            Statistics s = Statistics.Of(result.Cycles(program));
            (int good, int all) = result.Slices(program);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{program.Title,-26}{s.Middle,14:F1}{s.Min,9:F1}{s.Max,9:F1}{result.TscHz / 1e6 / s.Middle,9:F1}{$"{s.Count}/{result.Rounds}",9}{$"{good}/{all}",14}{result.GeneratorCycles(program),11:F1}"));
        }

        foreach ((string name, Statistics s) in Ratios(result))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-26}{s.Middle,14:F2}{s.Min,9:F2}{s.Max,9:F2}"));
        }

        foreach ((MeasuredProgram program, Statistics empty, Statistics full, Statistics fall) in NewFlows(result))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{program.Title}: {empty.Middle:F2} M new flows/s into the empty table, {full.Middle:F2} M/s with {result.Case.Flows / 1e6:F1} M flows in it; falls by {fall.Middle:P0} ({fall.Min:P0} to {fall.Max:P0})"));
        }

        if (result.SameServers is bool same)
        {
            Console.WriteLine(same ? "both sent every flow to the same server" : "WRONG: dataplane and reference sent flows to different servers");
        }
    }

    /// <summary>Everything as JSON.</summary>
    public static string Json(BenchOptions options, Dictionary<string, string> facts, IReadOnlyList<CaseResult> results)
    {
        JsonObject root = new()
        {
            ["mode"] = options.Mode,
            ["protocol"] = options.Tcp ? "tcp" : "udp",
            ["machine"] = new JsonObject([.. facts.Select(f => KeyValuePair.Create(f.Key, (JsonNode?)f.Value))]),
            ["cases"] = new JsonArray([.. results.Select(Case)]),
        };
        return root.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
    }

    private static JsonObject Case(CaseResult result)
    {
        JsonObject programs = [], ratios = [];
        foreach (MeasuredProgram program in result.Programs.Prepend(MeasuredProgram.Floor))
        {
            JsonObject o = Node(Statistics.Of(result.Cycles(program)), result.Rounds);
            o["mpps"] = Number(result.TscHz / 1e6 / Statistics.Of(result.Cycles(program)).Middle);
            o["generatorCycles"] = Number(result.GeneratorCycles(program));
            (o["slicesGood"], o["slices"]) = result.Slices(program);
            programs[program.Name] = o;
        }

        foreach ((MeasuredProgram program, Statistics empty, Statistics full, Statistics fall) in NewFlows(result))
        {
            programs[program.Name]!["newFlows"] = new JsonObject { ["emptyMps"] = Number(empty.Middle), ["fullMps"] = Number(full.Middle), ["fall"] = Number(fall.Middle) };
        }

        foreach ((string name, Statistics s) in Ratios(result))
        {
            ratios[name] = Node(s, result.Rounds);
        }

        return new JsonObject
        {
            ["method"] = result.Case.Method.Name, ["flows"] = result.Case.Flows, ["order"] = result.Case.Order, ["tscHz"] = result.TscHz, ["cyclesPerPacket"] = programs, ["ratios"] = ratios, ["sameServers"] = result.SameServers,
        };
    }

    /// <summary>Millions of new flows per second with an empty table and with a full one, and by what share the rate falls.</summary>
    private static IEnumerable<(MeasuredProgram Program, Statistics Empty, Statistics Full, Statistics Fall)> NewFlows(CaseResult result)
    {
        foreach (MeasuredProgram program in result.Case.IsNew ? result.Programs : [])
        {
            IReadOnlyList<(double Empty, double Full)> growth = result.Growth(program);
            double mega = result.TscHz / 1e6;
            yield return (program, Statistics.Of([.. growth.Select(g => mega / g.Empty)]), Statistics.Of([.. growth.Select(g => mega / g.Full)]), Statistics.Of([.. growth.Select(g => 1 - (g.Empty / g.Full))]));
        }
    }

    private static IEnumerable<(string Name, Statistics Value)> Ratios(CaseResult result)
    {
        foreach (MeasuredProgram other in new[] { MeasuredProgram.Reference, MeasuredProgram.FiveTuple, MeasuredProgram.Baseline })
        {
            if (result.Programs.Contains(MeasuredProgram.Forwarder) && result.Programs.Contains(other))
            {
                yield return ($"forwarder / {other.Name}", Statistics.Of(result.Ratios(MeasuredProgram.Forwarder, other)));
            }
        }
    }

    private static JsonObject Node(Statistics s, int rounds) =>
        new() { ["median"] = Number(s.Middle), ["min"] = Number(s.Min), ["max"] = Number(s.Max), ["rounds"] = s.Count, ["roundsDropped"] = rounds - s.Count };

    private static JsonNode? Number(double value) => double.IsFinite(value) ? Math.Round(value, 3) : null;
}
