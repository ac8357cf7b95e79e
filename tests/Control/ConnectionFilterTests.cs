using System.Net;
using Forwarder.Abi;

namespace Forwarder.Control.Tests;

/// <summary>Which flows a filter takes.</summary>
public sealed class ConnectionFilterTests
{
    private static readonly ServiceKey s_service = new(6, IPAddress.Parse("172.16.58.1"), 80);

    [Theory]
    [InlineData(null, null, null, null, true, true)]
    [InlineData("tcp:172.16.58.1:80", null, null, null, true, true)]
    [InlineData("udp:172.16.58.1:80", null, null, null, false, false)]
    [InlineData("tcp:172.16.58.1:81", null, null, null, false, false)]
    [InlineData(null, "172.16.0.1", null, null, true, true)]
    [InlineData(null, "172.16.0.1:4000", null, null, true, true)]
    [InlineData(null, "172.16.0.1:4001", null, null, false, false)]
    [InlineData(null, "fd16::1", null, null, false, false)]
    [InlineData(null, null, "172.16.58.7", null, true, false)]
    [InlineData(null, null, "172.16.58.7:80", null, true, false)]
    [InlineData(null, null, "172.16.58.7:81", null, false, false)]
    [InlineData(null, null, "removed", null, false, true)]
    [InlineData(null, null, null, "ESTABLISHED", true, true)]
    [InlineData(null, null, null, "CLOSE", false, false)]
    [InlineData("tcp:172.16.58.1:80", "172.16.0.1", "172.16.58.7", "ESTABLISHED", true, false)]
    [InlineData("tcp:172.16.58.1:80", "172.16.0.2", "172.16.58.7", "ESTABLISHED", false, false)]
    public void TakesWhatFitsAll(string? service, string? client, string? server, string? state, bool taken, bool takenWithoutServer)
    {
        ConnectionFilter filter = ConnectionFilter.Parse(service, client, server, state);
        IPEndPoint from = IPEndPoint.Parse("172.16.0.1:4000");
        Assert.Equal(taken, filter.Takes(s_service, from, IPEndPoint.Parse("172.16.58.7:80"), FlowState.Established));
        Assert.Equal(takenWithoutServer, filter.Takes(s_service, from, null, FlowState.Established));
        Assert.Equal(service == null && client == null && server == null && state == null, filter.IsEmpty);
        Assert.Equal(state != null, filter.NamesState);
    }
}
