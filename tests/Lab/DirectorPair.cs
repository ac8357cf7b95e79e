using Forwarder.Api;

namespace Forwarder.Lab;

/// <summary>S1 with two directors that share the VIP by VRRP; the first has priority 200, the second 100.</summary>
public sealed class DirectorPair : IDisposable
{
    /// <summary>MAC addresses of their ports, and the name of the group.</summary>
    public const string FirstMac = S1Lab.DirectorMac, SecondMac = "02:00:00:00:00:03", Group = "web";

    /// <summary>Advertisement interval in ms, unless another is asked for: a shared machine stops a dataplane for some 100 ms now and then.</summary>
    public const int IntervalMs = 200;

    /// <summary>Makes both; they are not started.</summary>
    public DirectorPair(int intervalMs = IntervalMs, bool isIPv6 = false)
    {
        Vip = isIPv6 ? S1Lab.VipV6 : S1Lab.Vip;
        Lab = new S1Lab();
        First = Lab.Director;
        Second = Lab.AddDirector("dir2", SecondMac);
        First.Configuration = Configuration("172.16.58.2/16", "fd16::2/64", 200, intervalMs, isIPv6);
        Second.Configuration = Configuration("172.16.58.3/16", "fd16::3/64", 100, intervalMs, isIPv6);
    }

    /// <summary>The address that they share.</summary>
    public string Vip { get; }

    /// <summary>The network.</summary>
    public S1Lab Lab { get; }

    /// <summary>Active when both run.</summary>
    public Director First { get; }

    /// <summary>Backup when both run.</summary>
    public Director Second { get; }

    /// <summary>Master_Down_Interval of the second in ms: 3 intervals and the skew of priority 100.</summary>
    public static double MasterDownMs => MasterDownAfter(IntervalMs);

    /// <summary>The same with another interval (RFC 9568 section 6.1).</summary>
    public static double MasterDownAfter(int intervalMs) => (3 * intervalMs) + (intervalMs * (256 - 100) / 256.0);

    /// <summary>The group as a director sees it.</summary>
    public static VrrpGroupView View(Director director) => director.Api.Get("v1/vrrp", ApiJson.Default.IReadOnlyListVrrpGroupView).Single();

    /// <summary>Waits until the director's group is in a state.</summary>
    public static void WaitFor(Director director, string state, int timeoutMs = 10_000) =>
        Wait.Until(() => director.Api.TryGet("v1/vrrp", ApiJson.Default.IReadOnlyListVrrpGroupView)?.SingleOrDefault()?.State == state, $"the group is {state}", timeoutMs);

    /// <summary>Starts both; the first is active then.</summary>
    public void Start()
    {
        First.Start();
        WaitFor(First, "active");
        Second.Start();
        WaitFor(Second, "backup");
    }

    /// <inheritdoc/>
    public void Dispose() => Lab.Dispose();

    private static string Configuration(string own, string own6, int priority, int intervalMs, bool isIPv6) => $$"""
        {
          "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
          "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{own}}", "{{own6}}" ] } ],
          "vrrp": [ { "name": "{{Group}}", "interface": "lan0", "vrid": 51, "priority": {{priority}}, "intervalCs": {{intervalMs / 10}}, "addresses": [ "{{(isIPv6 ? S1Lab.VipV6 : S1Lab.Vip)}}" ] } ],
          "services": [ { "protocol": "tcp", "address": "{{(isIPv6 ? S1Lab.VipV6 : S1Lab.Vip)}}", "port": 80, "scheduler": "mh",
                          "servers": [ { "address": "{{(isIPv6 ? "fd16::7" : "172.16.58.7")}}", "weight": 2 }, { "address": "{{(isIPv6 ? "fd16::8" : "172.16.58.8")}}" } ] } ]
        }
        """;
}
