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
        Compare(lines, "", Keyed(Node(from)), Keyed(Node(to)));
        lines.ForEach(output.WriteLine);
        if (lines.Count > 0)
        {
            throw new CliException($"{lines.Count} difference(s)");
        }
    }

    private static JsonNode? Node(DesiredState state) => JsonSerializer.SerializeToNode(state, ApiJson.Default.DesiredState);

    private static DesiredState Parse(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ApiJson.Default.DesiredState) ?? throw new CliException("The file is empty.");
        }
        catch (JsonException e)
        {
            throw new CliException($"Not a configuration: {JsonFault.Located(e, ApiJson.Default.DesiredState)}");
        }
    }

    /// <summary>A list in which the order counts.</summary>
    private const string Ordered = "snatRules";

    // Lists become objects by what names their items, so that an order that differs is no difference. Items without a name are compared as a whole.
    private static JsonNode? Keyed(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject all:
                return new JsonObject(all.Select(member => KeyValuePair.Create(member.Key, member.Key == Ordered ? member.Value?.DeepClone() : Keyed(member.Value))));
            case JsonArray list when list.Count > 0 && list.All(item => NameOf(item) != null) && list.DistinctBy(NameOf).Count() == list.Count:
                return new JsonObject(list.Select(item => KeyValuePair.Create(NameOf(item)!, Keyed(item))));
            default:
                return node?.DeepClone();
        }
    }

    private static string? NameOf(JsonNode? item) => item is not JsonObject o ? null
        : o["name"] is { } name ? (string?)name
        : o["address"] is not { } address ? null
        : o["protocol"] is { } protocol ? $"{protocol}:{address}:{o["port"]}" : o["port"] is { } port && (int)port != 0 ? $"{address}:{port}" : (string?)address;

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
