using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>Desired states to test with.</summary>
public static class States
{
    /// <summary>One port, one interface 172.16.58.2/16 and fd16::2/64, and virtual services with these numbers of real servers.</summary>
    public static DesiredState WithServices(params int[] servers) => new()
    {
        Dataplane = new DataplaneSettings { Ports = [new PortSettings { Name = "lan0", Device = "net_null0" }], WorkerCpus = [0] },
        Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16", "fd16::2/64"] }],
        Services = [.. servers.Select((count, number) => Service(number, count))],
    };

    /// <summary>Virtual service 172.17.x.y:80 with real servers 172.16.100.1 and on.</summary>
    public static VirtualService Service(int number, int servers) => new()
    {
        Protocol = "tcp", Address = $"172.17.{number / 250}.{1 + (number % 250)}", Port = 80,
        Servers = [.. Enumerable.Range(0, servers).Select(s => new RealServer { Address = $"172.16.{100 + (s / 250)}.{1 + (s % 250)}" })],
    };
}
