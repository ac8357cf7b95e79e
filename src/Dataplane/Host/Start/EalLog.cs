using System.Runtime.InteropServices;

namespace Forwarder.Dataplane;

/// <summary>DPDK's own words, for error messages: what it has logged since the last look.</summary>
public sealed unsafe class EalLog(Native native)
{
    private const int LinesMax = 6;
    private static readonly string[] s_usual = ["EAL: Detected ", "EAL: Selected ", "EAL: Physical addresses are unavailable"];
    private int _seen;

    /// <summary>Forgets what was logged so far.</summary>
    public void Mark() => _seen = Text().Length;

    /// <summary>The last lines since the mark, on one line; empty if DPDK said nothing.</summary>
    public string Take()
    {
        string text = Text();
        string[] lines = text[_seen..].Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        _seen = text.Length;
        string[] telling = [.. lines.Where(l => !s_usual.Any(u => l.StartsWith(u, StringComparison.Ordinal))).TakeLast(LinesMax)];
        return telling.Length == 0 ? "" : $" DPDK says: {string.Join(" | ", telling)}";
    }

    private string Text() => Marshal.PtrToStringUTF8((nint)native.EalLog()) ?? "";
}
