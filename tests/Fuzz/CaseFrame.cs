using System.Globalization;

namespace Forwarder.Fuzz.Tests;

/// <summary>A frame of a case: the port that it comes from, what is the matter then, and what becomes of it.</summary>
/// <param name="Conditions">"not-owned", "unknown" (no next hop answers), "checksum-bad", "segments", "tx-full", "ring-full", "no-host".</param>
/// <param name="Fate">The worker's verdict or reason; with forwarding the method; after ">" what the slow path does with what it is given.</param>
public sealed record CaseFrame(int Port, IReadOnlyList<string> Conditions, string Fate, byte[] Frame)
{
    /// <summary>As in the file: "PORT [CONDITION...] FATE: FRAME".</summary>
    public override string ToString() => $"{Port} {string.Join(' ', [.. Conditions, Fate])}: {Convert.ToHexString(Frame).ToLowerInvariant()}";

    /// <summary>Reads a line of the file.</summary>
    public static CaseFrame Parse(string line)
    {
        string[] halves = line.Split(": "), words = halves[0].Split(' ');
        return new CaseFrame(int.Parse(words[0], CultureInfo.InvariantCulture), words[1..^1], words[^1], Convert.FromHexString(halves[1]));
    }
}
