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

    /// <summary>An SCTP service by its name, and states by IPVS's; ESTABLISHED is TCP's and SCTP's.</summary>
    [Theory]
    [InlineData("S-ACK-SENT", FlowState.SctpShutdownAckSent, true)]
    [InlineData("CLOSED", FlowState.SctpClosed, true)]
    [InlineData("CLOSE", FlowState.SctpClosed, false)]
    [InlineData("ESTABLISHED", FlowState.SctpEstablished, true)]
    public void TakesAssociations(string state, FlowState of, bool taken)
    {
        ServiceKey sctp = new(132, IPAddress.Parse("172.16.58.1"), 3868);
        ConnectionFilter filter = ConnectionFilter.Parse("sctp:172.16.58.1:3868", null, null, state);
        Assert.Equal(taken, filter.Takes(sctp, IPEndPoint.Parse("172.16.0.1:4000"), null, of));
        Assert.False(filter.Takes(sctp with { Protocol = 6 }, IPEndPoint.Parse("172.16.0.1:4000"), null, of));
    }
}
