using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;

namespace Forwarder.Api;

/// <summary>What was wrong with JSON that could not be read, in the words of JSON: the reader's own texts name types of .NET.</summary>
public static partial class JsonFault
{
    /// <summary><see cref="Text"/> after the place as a JSON pointer, for where nothing else names it.</summary>
    public static string Located(JsonException e, JsonTypeInfo root) => Pointer(e) is { Length: > 0 } pointer ? $"{pointer}: {Text(e, root)}" : Text(e, root);

    /// <summary>What was wrong, what is allowed, and the line.</summary>
    /// <param name="e">Thrown by the reader.</param>
    /// <param name="root">What was to be read.</param>
    /// <param name="whole">What all of it is called.</param>
    public static string Text(JsonException e, JsonTypeInfo root, string whole = "The text")
    {
        string place = e.LineNumber is { } line ? $" (line {line + 1}, byte {e.BytePositionInLine + 1})" : "";
        string[] steps = [.. (Pointer(e) ?? "").Split('/').Skip(1)];
        string message = Position().Replace(e.Message, "").TrimEnd('.', ' ');
        return Unmapped().Match(message) is { Success: true } unknown ? $"There is no member \"{unknown.Groups[1].Value}\" here; allowed are {Members(root, steps.SkipLast(1))}{place}."
            : Missing().Match(message) is { Success: true } missing ? $"What is missing: {missing.Groups[1].Value.Replace('\'', '"')}{place}."
            : Nothing().IsMatch(message) ? $"{whole} is empty; an object is needed, its members are {Members(root, [])}."
            : Null().IsMatch(message) ? $"Null is not allowed here{place}."
            : Unconvertible().IsMatch(message) ? $"A value of another type is needed here: {Name(TypeAt(root, steps))}{place}."
            : $"Not JSON: {message}{place}.";
    }

    /// <summary>Where it was, as a JSON pointer (RFC 6901); null if the reader does not say.</summary>
    public static string? Pointer(JsonException e) => e.Path == null ? null : JsonPointer.FromPath(e.Path);

    [GeneratedRegex("^The JSON property '(.*)' could not be mapped")]
    private static partial Regex Unmapped();

    [GeneratedRegex("missing required properties including: (.+)$")]
    private static partial Regex Missing();

    [GeneratedRegex("does not contain any JSON tokens")]
    private static partial Regex Nothing();

    [GeneratedRegex("doesn't allow (setting |getting )?null")]
    private static partial Regex Null();

    [GeneratedRegex("could not be converted to ")]
    private static partial Regex Unconvertible();

    [GeneratedRegex(" (Path|LineNumber): .*$")]
    private static partial Regex Position();

    private static string Name(Type? type) => type == null ? "see /v1/openapi.json"
        : type == typeof(string) ? "a string"
        : type == typeof(bool) ? "true or false"
        : type == typeof(int) ? string.Create(CultureInfo.InvariantCulture, $"a whole number from {int.MinValue} to {int.MaxValue}")
        : type == typeof(long) ? "a whole number"
        : type == typeof(double) ? "a number"
        : type.IsAssignableTo(typeof(System.Collections.IDictionary)) || !type.IsAssignableTo(typeof(System.Collections.IEnumerable)) ? "an object" : "a list";

    private static string Members(JsonTypeInfo root, IEnumerable<string> steps) =>
        TypeAt(root, steps) is { } type ? string.Join(", ", root.Options.GetTypeInfo(type).Properties.Select(p => p.Name).Order(StringComparer.Ordinal)) : "those of /v1/openapi.json";

    /// <summary>The type of what a pointer leads to; null if that is not known.</summary>
    private static Type? TypeAt(JsonTypeInfo root, IEnumerable<string> steps)
    {
        Type? type = root.Type;
        foreach (string step in steps)
        {
            JsonTypeInfo at = root.Options.GetTypeInfo(type);
            type = at.ElementType ?? at.Properties.FirstOrDefault(p => p.Name == step)?.PropertyType;
            if (type == null)
            {
                return null;
            }

            type = Nullable.GetUnderlyingType(type) ?? type;
        }

        return type;
    }
}
