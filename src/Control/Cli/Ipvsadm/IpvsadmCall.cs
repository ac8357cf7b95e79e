namespace Forwarder.Cli;

/// <summary>A call of ipvsadm's own command line: under the name ipvsadm, or as fwdctl [--socket PATH] ipvsadm ….</summary>
public sealed record IpvsadmCall(string? Socket, IReadOnlyList<string> Arguments)
{
    private const string SocketOption = "--socket";

    /// <summary>The call, or null if it is one of fwdctl's own.</summary>
    public static IpvsadmCall? Find(string calledAs, IReadOnlyList<string> arguments)
    {
        if (calledAs == "ipvsadm")
        {
            return new(null, arguments);
        }

        string? socket = null;
        int at = 0;
        for (; at < arguments.Count && arguments[at].StartsWith(SocketOption, StringComparison.Ordinal); at++)
        {
            if (arguments[at].StartsWith(SocketOption + "=", StringComparison.Ordinal))
            {
                socket = arguments[at][(SocketOption.Length + 1)..];
            }
            else if (arguments[at] == SocketOption && at + 1 < arguments.Count)
            {
                socket = arguments[++at];
            }
        }

        return at < arguments.Count && arguments[at] == "ipvsadm" ? new(socket, [.. arguments.Skip(at + 1)]) : null;
    }
}
