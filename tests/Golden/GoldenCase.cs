namespace Forwarder.Golden.Tests;

/// <summary>
/// A folder of cases/: config.json (as for PUT /v1/config; "config NAME" in in.txt changes it), in.txt (frames by port;
/// "own GROUP" and "disown GROUP" give and end a VRRP group's lease) and expected.txt (what becomes of each frame). Lines that begin with # are for readers.
/// </summary>
public static class GoldenCase
{
    /// <summary>The folder of all cases.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "cases");

    /// <summary>Names of all cases.</summary>
    public static IEnumerable<string> Names => Directory.GetDirectories(Folder).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal);

    /// <summary>The lines of a case's file that are not for readers.</summary>
    public static string[] Lines(string name, string file) =>
        [.. File.ReadAllLines(Path.Combine(Folder, name, file)).Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#')];

    /// <summary>A line as "port 0: 0200…" in parts; "port 0 checksum-bad: …" if the port finds the IPv4 header checksum wrong.</summary>
    public static (int Port, byte[] Frame, bool ChecksumBad) Frame(string line)
    {
        string[] parts = line.Split(':', 2);
        string[] from = parts[0].Split(' ');
        return (int.Parse(from[1], System.Globalization.CultureInfo.InvariantCulture), Convert.FromHexString(parts[1].Trim()), from.Length > 2 && from[2] == "checksum-bad");
    }
}
