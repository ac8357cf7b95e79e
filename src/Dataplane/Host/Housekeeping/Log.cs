using System.Text.Unicode;

namespace Forwarder.Dataplane;

/// <summary>Lines on stderr without allocation, for after the seal.</summary>
public sealed unsafe class Log(Native native)
{
    private const int LineBytesMax = 512;
    private readonly byte[] _line = new byte[LineBytesMax];

    /// <summary>Writes an interpolated line; one that is too long is left out.</summary>
    public void Write([System.Runtime.CompilerServices.InterpolatedStringHandlerArgument("")] ref LogLine line)
    {
        fixed (byte* text = _line)
        {
            if (Utf8.TryWrite(_line, ref line.Handler, out int length))
            {
                native.Log(text, (uint)length);
            }
        }
    }

    /// <summary>The line being put together, in the log's own buffer.</summary>
    internal Span<byte> Buffer => _line;
}
