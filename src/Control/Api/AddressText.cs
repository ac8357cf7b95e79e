using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Forwarder.Api;

/// <summary>
/// Addresses as people write them. .NET also takes "172.16.58" (172.16.0.58), "1" and "010.0.0.1" (8.0.0.1): a slip of the
/// keyboard would set up another VIP. Here an IPv4 address has four decimal numbers, and IPv6 no scope and no brackets.
/// </summary>
public static class AddressText
{
    /// <summary>Reads an address.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out IPAddress? address) =>
        IPAddress.TryParse(text, out address)
        && (address.AddressFamily == AddressFamily.InterNetwork ? address.ToString() == text : address.ScopeId == 0 && text!.AsSpan().IndexOfAny('[', '%') < 0);

    /// <summary>Reads "172.16.58.1:80" or "[fd20::100]:80".</summary>
    public static bool TryParseEndPoint(string? text, [NotNullWhen(true)] out IPEndPoint? endPoint)
    {
        endPoint = null;
        int colon = text?.LastIndexOf(':') ?? -1;
        if (colon < 1 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return false;
        }

        string host = text![..colon];
        bool bracketed = host.Length > 2 && host[0] == '[' && host[^1] == ']';
        if (!TryParse(bracketed ? host[1..^1] : host, out IPAddress? address) || bracketed != (address.AddressFamily == AddressFamily.InterNetworkV6))
        {
            return false;
        }

        endPoint = new IPEndPoint(address, port);
        return true;
    }
}
