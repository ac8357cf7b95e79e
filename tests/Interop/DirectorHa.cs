using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <summary>Two directors on S1's network with VRRP groups of a test's own, and, if asked for, wires of their own between them.</summary>
public sealed class DirectorHa : IDisposable
{
    public const string FirstMac = S1Lab.DirectorMac, SecondMac = "02:00:00:00:00:03", OtherVip = "172.16.58.20";

    private readonly int _wires;

    /// <summary>Makes both, with so many wires between them: interfaces hb0 and on, ports h0 and on.</summary>
    public DirectorHa(int wires = 0)
    {
        Lab = new S1Lab();
        First = Lab.Director;
        Second = Lab.AddDirector("dir2", SecondMac);
        for (_wires = 0; _wires < wires; _wires++)
        {
            Lab.Wire($"h{_wires}", First, Second);
        }
    }

    public S1Lab Lab { get; }

    public Director First { get; }

    public Director Second { get; }

    /// <summary>Advertisements each 100 ms.</summary>
    public static string Group(string name, int vrid, int priority, string vip, string more = "", string wire = "lan0") =>
        $$"""{ "name": "{{name}}", "interface": "{{wire}}", "vrid": {{vrid}}, "priority": {{priority}}, "intervalCs": 10, "addresses": [ "{{vip}}" ]{{(more.Length == 0 ? "" : ", " + more)}} }""";

    public static VrrpGroupView View(Director director, string group) => director.Api.Get("v1/vrrp", ApiJson.Default.IReadOnlyListVrrpGroupView).Single(g => g.Name == group);

    /// <summary>Waits until the director's groups are in these states, in the order of its configuration.</summary>
    public static void WaitFor(Director director, params string[] states) =>
        Wait.Until(() => States(director).SequenceEqual(states), $"states are {string.Join(' ', states)}", 15_000);

    public static IEnumerable<string> States(Director director) => director.Api.TryGet("v1/vrrp", ApiJson.Default.IReadOnlyListVrrpGroupView)?.Select(g => g.State) ?? [];

    public void Configure(IReadOnlyList<string> first, IReadOnlyList<string> second, string more = "")
    {
        First.Configuration = Configuration(2, first, more);
        Second.Configuration = Configuration(3, second, more);
    }

    public void Dispose() => Lab.Dispose();

    /// <summary>Whether the client reaches a VIP, and at this MAC address.</summary>
    public bool IsAt(string vip, string mac)
    {
        Lab.Client.Ip($"neigh flush dev e0");
        return Shell.Try(["ip", "netns", "exec", Lab.Client.Name, "ping", "-c1", "-W1", vip]).ExitCode == 0 && Lab.Client.Ip($"neigh show {vip} dev e0").Contains(mac, StringComparison.Ordinal);
    }

    private string Configuration(int number, IReadOnlyList<string> groups, string more)
    {
        IEnumerable<string> ports = Enumerable.Range(0, _wires).Select(n => $$""", { "name": "h{{n}}", "device": "net_af_packet{{n + 1}},iface=h{{n}}", "exception": "fwh{{n}}" }""");
        IEnumerable<string> interfaces = Enumerable.Range(0, _wires).Select(n => $$""", { "name": "hb{{n}}", "port": "h{{n}}", "addresses": [ "10.9.{{n}}.{{number}}/24" ] }""");
        return $$"""
            {
              "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" }{{string.Concat(ports)}} ] },
              "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "172.16.58.{{number}}/16", "fd16::{{number}}/64" ] }{{string.Concat(interfaces)}} ],
              "vrrp": [ {{string.Join(", ", groups)}} ]{{(more.Length == 0 ? "" : ", " + more)}}
            }
            """;
    }
}
