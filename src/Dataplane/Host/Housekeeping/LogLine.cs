using System.Runtime.CompilerServices;
using System.Text.Unicode;

namespace Forwarder.Dataplane;

/// <summary>Interpolated text written straight into a <see cref="Log"/>'s buffer.</summary>
[InterpolatedStringHandler]
public ref struct LogLine(int literalLength, int formattedCount, Log log)
{
    /// <summary>The runtime's handler that does the work.</summary>
    internal Utf8.TryWriteInterpolatedStringHandler Handler = new(literalLength, formattedCount, log.Buffer, out _);

    /// <summary>Adds a literal.</summary>
    public bool AppendLiteral(string value) => Handler.AppendLiteral(value);

    /// <summary>Adds a text.</summary>
    public bool AppendFormatted(string value) => Handler.AppendFormatted(value);

    /// <summary>Adds a number.</summary>
    public bool AppendFormatted(ulong value) => Handler.AppendFormatted(value);
}
