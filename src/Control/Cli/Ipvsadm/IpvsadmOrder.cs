using System.Net;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>The order in which ipvsadm lists: IPv4 before IPv6, then protocol, address and port, all as numbers.</summary>
public static class IpvsadmOrder
{
    /// <summary>Services, and the servers of each.</summary>
    public static IEnumerable<ServiceView> Sorted(IEnumerable<ServiceView> services) => services
        .OrderBy(s => Key(s.Address, s.Protocol, s.Port), StringComparer.Ordinal)
        .Select(s => s with { Servers = [.. s.Servers.OrderBy(r => Key(r.Address, "", r.Port), StringComparer.Ordinal)] });

    // As hexadecimal digits of one length per family, numbers compare as text.
    private static string Key(string address, string protocol, int port)
    {
        byte[] bytes = IPAddress.Parse(address).GetAddressBytes();
        return $"{bytes.Length:D2} {Number(protocol):D3} {Convert.ToHexString(bytes)} {port:D5}";
    }

    private static int Number(string protocol) => protocol switch { "tcp" => 6, "udp" => 17, "sctp" => 132, _ => 0 };
}
