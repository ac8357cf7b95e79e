using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>A real server that is told clients' addresses can be reached from the director's source addresses in no other way.</summary>
public sealed class ClientAddressModelTests
{
    private static readonly RealServer s_told = new() { Address = "172.16.58.7", Port = 8080, Method = "fullnat" };

    private static VirtualService Service(int port, string? how, RealServer server, string vip = "172.16.58.1", string protocol = "tcp", string pool = "lan") =>
        new() { Protocol = protocol, Address = vip, Port = port, ClientAddress = how, SourcePool = pool, Servers = [server] };

    private static SnatRule Rule(string pool, params string[] gateways) =>
        new() { Name = "out", Sources = [.. gateways.Select(g => g.Contains(':', StringComparison.Ordinal) ? "fd99::/64" : "10.9.0.0/16")], SourcePool = pool, Gateways = gateways };

    private static void Build(VirtualService[] services, params SnatRule[] rules) => ModelBuilder.Build(
        States.WithServices() with
        {
            Services = services, SnatRules = rules,
            SourcePools = [new SourcePoolSettings { Name = "lan", Addresses = ["172.16.58.200", "fd16::200"] }, new SourcePoolSettings { Name = "other", Addresses = ["172.16.58.210", "fd16::210"] }],
        },
        new CheckedServices());

    [Theory]
    [InlineData("proxyV2", null, "lan")]
    [InlineData("none", "proxyV2", "lan")]
    [InlineData("toa", "none", "other")]
    [InlineData("proxyV2", "toa", "other")]
    public void AServerIsToldInOneWay(string? first, string? second, string pool)
    {
        VirtualService[] services = [Service(79, null, s_told with { Address = "172.16.58.8" }), Service(80, first, s_told), Service(81, second, s_told, pool: pool)];
        ApiException refused = Assert.Throws<ApiException>(() => Build(services));
        bool isFirst = second == "toa"; // the one that differs from it is named
        Assert.Equal(isFirst ? "/services/1/servers/0" : "/services/2/servers/0", refused.Pointer);
        Assert.Contains(
            isFirst ? $"Real server 172.16.58.7:8080 has clientAddress {first} here and toa in tcp:172.16.58.1:81 (/services/2)" : $"Real server 172.16.58.7:8080 has clientAddress {second ?? "none"} here and {first ?? "none"} in tcp:172.16.58.1:80 (/services/1)",
            refused.Message,
            StringComparison.Ordinal);
        Assert.Contains("Allowed are the same clientAddress in both services (to change it in both, put the whole configuration), or another", refused.Message, StringComparison.Ordinal);

        // NAT64: what counts is the server.
        services[2] = Service(81, second, s_told, "fd16::100", pool: pool);
        Assert.Throws<ApiException>(() => Build(services));
        services[2] = Service(81, first, s_told, "fd16::100", pool: pool);
        Build(services);
    }

    /// <summary>Another port or protocol of the server, and a way on which clients come with their own address.</summary>
    [Fact]
    public void WhatTheServerCanTellApartIsAllowed() => Build(
    [
        Service(80, "proxyV2", s_told), Service(80, "none", s_told, protocol: "udp"), Service(82, null, s_told with { Port = 8082 }),
        Service(81, "toa", s_told with { Address = "172.16.58.8" }), Service(83, "toa", s_told with { Address = "172.16.58.8", Port = 8083 }), Service(84, null, s_told with { Address = "172.16.58.8", Method = "nat" }),
        Service(8080, null, s_told with { Method = "nat" }), Service(8080, null, s_told with { Method = "dr" }, "172.16.58.9"),
    ]);

    /// <summary>The kernel's module reads the option on all ports of a host.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("proxyV2")]
    public void AServerIsToldByToaOnAllPorts(string? how)
    {
        ApiException refused = Assert.Throws<ApiException>(() => Build([Service(80, how, s_told with { Port = 8082 }), Service(81, "toa", s_told)]));
        Assert.Equal("/services/0/servers/0", refused.Pointer);
        Assert.Contains($"Real server 172.16.58.7:8082 has clientAddress {how ?? "none"} here and toa in tcp:172.16.58.1:81 (/services/1)", refused.Message, StringComparison.Ordinal);
        Assert.Contains("or another server, as TOA's module reads the option on all ports of a host", refused.Message, StringComparison.Ordinal);
        Build([Service(80, how, s_told with { Port = 8082 }, protocol: "udp"), Service(81, "toa", s_told)]);
    }

    [Fact]
    public void HostsBehindSnatComeFromOtherSourceAddresses()
    {
        VirtualService told = Service(80, "toa", s_told);
        ApiException refused = Assert.Throws<ApiException>(() => Build([told], Rule("other", "172.16.0.254"), Rule("lan", "fd16::fe", "172.16.0.254") with { Name = "second" }));
        Assert.Equal("/snatRules/1/sourcePool", refused.Pointer);
        Assert.Contains("Rule \"second\" and service tcp:172.16.58.1:80 with clientAddress toa have the same source pool, \"lan\"", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Allowed is a pool of its own", refused.Message, StringComparison.Ordinal);

        Build([told], Rule("other", "fd16::fe", "172.16.0.254"));
        Build([told], Rule("lan", "fd16::fe")); // of the pool the service has the IPv4 addresses alone
        Build([told with { ClientAddress = null }], Rule("lan", "fd16::fe", "172.16.0.254"));
        Build([told with { Servers = [] }], Rule("lan", "fd16::fe", "172.16.0.254"));
    }
}
