namespace Forwarder.Fuzz.Tests;

/// <summary>The frames of the golden cases and of corpus/frames.txt.</summary>
public static class Corpus
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<byte[]> Frames { get; } = Load();

    private static List<byte[]> Load() =>
    [
        .. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "golden"), "in.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .SelectMany(f => File.ReadAllLines(f)).Where(l => l.StartsWith("port ", StringComparison.Ordinal)).Select(l => Convert.FromHexString(l.Split(':', 2)[1].Trim())),
        .. FrameCase.All.SelectMany(c => c.Frames).Select(f => f.Frame),
    ];
}
