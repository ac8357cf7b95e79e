using System.Globalization;
using System.Net;

namespace Forwarder.Control;

/// <summary>The kernel's main routing tables, read again after a second.</summary>
public sealed class KernelRoutes(string ipv4Path = "/proc/net/route", string ipv6Path = "/proc/net/ipv6_route")
{
    private const int ReadEveryMs = 1_000, Destination4At = 1, Flags4At = 3, Mask4At = 7, Flags6At = 8;
    private const uint FlagUp = 0x1, FlagReject = 0x200, FlagLocal = 0x8000_0000; // <linux/route.h>, <linux/ipv6_route.h>

    private HashSet<IPNetwork> _routes = [];
    private long _readMs = -ReadEveryMs;

    /// <summary>Whether there is a route to exactly this network that carries packets.</summary>
    public bool Has(IPNetwork destination, long nowMs)
    {
        if (nowMs - ReadEveryMs >= _readMs)
        {
            _routes = [.. Lines(ipv4Path).Skip(1).Where(l => Carries(l[Flags4At])).Select(Ipv4), .. Lines(ipv6Path).Where(l => Carries(l[Flags6At])).Select(Ipv6)];
            _readMs = nowMs;
        }

        return _routes.Contains(destination);
    }

    private static IEnumerable<string[]> Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path).Select(line => line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).ToList();
        }
        catch (IOException)
        {
            return []; // a kernel without that family
        }
    }

    private static IPNetwork Ipv4(string[] line) => new(new IPAddress(Hex(line[Destination4At])), (int)uint.PopCount(Hex(line[Mask4At])));

    private static IPNetwork Ipv6(string[] line) => new(new IPAddress(Convert.FromHexString(line[0])), (int)Hex(line[1]));

    private static bool Carries(string flags) => (Hex(flags) & (FlagUp | FlagReject | FlagLocal)) == FlagUp;

    private static uint Hex(string text) => uint.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
