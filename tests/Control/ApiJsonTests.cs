using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

public sealed class ApiJsonTests
{
    [Fact]
    public void WhatIsLeftOutHasItsDefault()
    {
        DesiredState state = JsonSerializer.Deserialize("""{"dataplane":{"ports":[{"name":"p0","device":"net_null0"}]},"services":[{"protocol":"tcp","address":"10.0.0.1","port":80,"servers":[{"address":"10.0.0.2"}]}]}""", ApiJson.Default.DesiredState)!;
        Assert.Empty(state.Interfaces);
        Assert.Equal(900, state.Timeouts.TcpEstablishedS);
        Assert.Equal(262_144, state.Dataplane.FlowsPerWorker);
        Assert.Equal("auto", state.Dataplane.Hugepages);
        Assert.Equal((1500, 1024), (state.Dataplane.Ports[0].MtuBytes, state.Dataplane.Ports[0].RxDescriptors));
        Assert.Equal("wlc", state.Services[0].Scheduler);
        Assert.Equal((1, "dr"), (state.Services[0].Servers[0].Weight, state.Services[0].Servers[0].Method));
    }

    [Theory]
    [InlineData("""{"services":null}""")]
    [InlineData("""{"dataplane":{"hugepages":null}}""")]
    [InlineData("""{"services":[{"protocol":null,"address":"10.0.0.1","port":80}]}""")]
    public void NullIsRefusedWhereAValueIsNeeded(string json) => Assert.Throws<JsonException>(() => JsonSerializer.Deserialize(json, ApiJson.Default.DesiredState));

    [Fact]
    public void AnUnknownMemberIsRefused() => Assert.Throws<JsonException>(() => JsonSerializer.Deserialize("""{"servces":[]}""", ApiJson.Default.DesiredState));
}
