using System.Text;

namespace Forwarder.Api;

/// <summary>JSON pointers (RFC 6901).</summary>
public static class JsonPointer
{
    /// <summary>From a path as System.Text.Json writes it: "$.services[0]['a.b']" is "/services/0/a.b".</summary>
    public static string FromPath(string path)
    {
        StringBuilder pointer = new();
        for (int at = path.StartsWith('$') ? 1 : 0; at < path.Length;)
        {
            (string open, string close) = path[at] == '.' ? (".", "") : path.AsSpan(at).StartsWith("['") ? ("['", "']") : ("[", "]");
            int start = at + open.Length;
            int end = close.Length > 0 ? path.IndexOf(close, start, StringComparison.Ordinal) : path.AsSpan(start).IndexOfAny('.', '[') is >= 0 and int length ? start + length : path.Length;
            end = end < 0 ? path.Length : end;
            // RFC 6901 section 3: ~ first, so that the ~ of ~1 is not escaped again.
            pointer.Append('/').Append(path[start..end].Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
            at = end + close.Length;
        }

        return pointer.ToString();
    }
}
