namespace Forwarder.Cli;

/// <summary>A table for people: columns as wide as they need, nothing wrapped.</summary>
public static class Table
{
    /// <summary>Prints headings and rows.</summary>
    public static void Print(TextWriter output, string[] headings, IEnumerable<string[]> rows)
    {
        string[][] all = [headings, .. rows];
        int[] widths = [.. Enumerable.Range(0, headings.Length).Select(c => all.Max(r => r[c].Length))];
        foreach (string[] row in all)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, c) => cell.PadRight(widths[c]))).TrimEnd());
        }
    }
}
