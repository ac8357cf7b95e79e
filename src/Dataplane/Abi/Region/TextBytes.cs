using System.Text;

namespace Forwarder.Abi;

/// <summary>Reads and writes the fixed-size UTF-8 texts of the region.</summary>
public static class TextBytes
{
    /// <summary>Writes a text, cut at the field's size, and fills the rest with zeros.</summary>
    public static void Write(Span<byte> field, ReadOnlySpan<char> text)
    {
        field.Clear();
        Encoding.UTF8.GetEncoder().Convert(text, field, flush: true, out _, out _, out _);
    }

    /// <summary>Reads a text up to its first zero byte.</summary>
    public static string Read(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }
}
