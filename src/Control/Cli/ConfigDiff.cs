using System.Text.Json;
using System.Text.Json.Nodes;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>What a file would change, one line each: + added, - removed, ~ changed.</summary>
public static class ConfigDiff
{
    /// <summary>Prints the differences; a file that is not a desired state is refused.</summary>
    /// <exception cref="CliException">Not a desired state; or, with exit code 1, there are differences.</exception>
    public static void Print(TextWriter output, string before, string after)
    {
        DesiredState from = Parse(before), to = Parse(after);
        List<string> lines = [];
        Compare(lines, "", Keyed(from), Keyed(to));
        lines.ForEach(output.WriteLine);
        if (lines.Count > 0)
        {
            throw new CliException($"{lines.Count} difference(s)");
        }
    }

    private static DesiredState Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ApiJson.Default.DesiredState) ?? throw new CliException("The file is empty.");
        }
        catch (JsonException e)
        {
            throw new CliException($"Not a configuration: {e.Message}");
        }
    }

    // Lists become objects by what names their items, so that an order that differs is no difference.
    private static JsonNode Keyed(DesiredState state)
    {
        JsonObject root = JsonSerializer.SerializeToNode(state, ApiJson.Default.DesiredState)!.AsObject();
        JsonObject services = [];
        foreach (JsonNode? service in root["services"]!.AsArray().ToArray())
        {
            JsonObject servers = [];
            foreach (JsonNode? server in service!["servers"]!.AsArray().ToArray())
            {
                servers[(string)server!["address"]!] = server.DeepClone();
            }

            JsonObject copy = service.DeepClone().AsObject();
            copy["servers"] = servers;
            services[$"{service["protocol"]}:{service["address"]}:{service["port"]}"] = copy;
        }

        root["services"] = services;
        return root;
    }

    private static void Compare(List<string> lines, string at, JsonNode? before, JsonNode? after)
    {
        if (before is JsonObject a && after is JsonObject b)
        {
            foreach (string key in a.Select(p => p.Key).Union(b.Select(p => p.Key)).Order(StringComparer.Ordinal))
            {
                Compare(lines, $"{at}/{key}", a[key], b[key]);
            }
        }
        else if (!JsonNode.DeepEquals(before, after))
        {
            lines.Add(before == null ? $"+ {at}: {Text(after)}" : after == null ? $"- {at}: {Text(before)}" : $"~ {at}: {Text(before)} -> {Text(after)}");
        }
    }

    private static string Text(JsonNode? node) => node?.ToJsonString() ?? "null";
}
