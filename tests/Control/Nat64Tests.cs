using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>FullNAT from an IPv6 VIP to IPv4 servers: what is compiled, and what a pool must have.</summary>
public sealed class Nat64Tests
{
    private static DesiredState State(params string[] pool) => new()
    {
        Dataplane = new DataplaneSettings { Ports = [new PortSettings { Name = "lan0", Device = "net_null0" }] },
        Interfaces = [new InterfaceSettings { Name = "lan0", Port = "lan0", Addresses = ["172.16.58.2/16", "fd16::2/64"] }],
        SourcePools = [new SourcePoolSettings { Name = "lan", Addresses = pool }],
        Services = [new VirtualService { Protocol = "tcp", Address = "fd16::100", Port = 80, Servers = [new RealServer { Address = "172.16.58.7", Port = 8080, Method = "fullnat" }, new RealServer { Address = "fd16::9" }] }],
    };

    [Fact]
    public void TheTargetAndThePoolAreOfTheServersFamily()
    {
        SnapshotContent content = new SnapshotCompiler().Compile(ModelBuilder.Build(State("fd16::200", "172.16.58.200"), new CheckedServices()));
        ServiceEntry service = content.Services[1];
        Assert.Equal((6, 1u), (service.IpVersion, service.PoolCount));
        Assert.Equal(4, content.Sources[content.PoolMembers[(int)service.PoolFirst]].IpVersion);
        ServerEntry server = content.Servers.Single(s => s.Method == ForwardingMethod.FullNat);
        Assert.Equal(4, content.Targets[(int)server.Target].IpVersion);
        Assert.Equal(1_520, server.MtuBytes);   // an IPv6 packet loses 20 bytes on the way
        Assert.Equal(1_500, content.Servers.Single(s => s.Valid != 0 && s.Method == ForwardingMethod.DirectRouting).MtuBytes);
    }

    [Fact]
    public void APoolWithoutAnAddressOfTheServersFamilyIsRefused()
    {
        ApiException refused = Assert.Throws<ApiException>(() => ModelBuilder.Build(State("fd16::200"), new CheckedServices()));
        Assert.Contains("no address of the family of 172.16.58.7", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>IPv6 sends packets of 1,280 bytes whatever it is told (RFC 8200 section 5).</summary>
    [Theory]
    [InlineData(1_259, null, 1_260)]
    [InlineData(1_260, null, 0)]
    [InlineData(1_279, "toa", 1_280)]
    [InlineData(1_280, "toa", 0)]
    [InlineData(1_311, "proxyV2", 1_312)]
    [InlineData(1_312, "proxyV2", 0)]
    public void TheServersLinkTakesTheSmallestPacketOfIPv6(int mtuBytes, string? clientAddress, int neededBytes)
    {
        DesiredState state = State("172.16.58.200");
        state = state with { Dataplane = state.Dataplane with { Ports = [state.Dataplane.Ports[0] with { MtuBytes = mtuBytes }] }, Services = [state.Services[0] with { ClientAddress = clientAddress, Servers = [state.Services[0].Servers[0]] }] };
        if (neededBytes == 0)
        {
            ModelBuilder.Build(state, new CheckedServices());
        }
        else
        {
            Assert.Contains($"needs an MTU of at least {neededBytes}", Assert.Throws<ApiException>(() => ModelBuilder.Build(state, new CheckedServices())).Message, StringComparison.Ordinal);
        }
    }
}
