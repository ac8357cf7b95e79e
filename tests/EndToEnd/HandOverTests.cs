using System.Net;
using System.Net.Sockets;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>
/// NAT, FullNAT, SNAT and limits with two workers: a port that spreads by its own hash gives both directions of a flow to any of them. The outside
/// of SNAT is rs8 with an address that rs7 reaches by the director alone.
/// </summary>
public sealed class HandOverTests : IDisposable
{
    private const int Connections = 10_000, WebPort = 80, ServerPort = 8081, TransferPort = 8080, TransferBytes = 20_000_000, DatagramPort = 5002, FirstClientPort = 20_000, Upper = 10, Max = 40, Late = 6; // flows that a worker may open while it is not yet told: fewer than another limit's worth
    private const string Outside = "203.0.113.9", Outside6 = "2001:db8:2::9";
    private readonly S1Lab _lab = new();

    public HandOverTests()
    {
        try
        {
            _lab.Director.Configuration = _lab.Director.Configuration
                .Replace("net_af_packet0,iface=d0", "net_af_packet0,iface=d0,qpairs=2", StringComparison.Ordinal)
                .Replace("\"flowsPerWorker\"", "\"workerCpus\": [ 0, 1 ], \"flowsPerWorker\"", StringComparison.Ordinal)
                .Replace("\"interfaces\"", "\"sourcePools\": [ { \"name\": \"lan\", \"addresses\": [ \"172.16.58.200\", \"fd16::200\" ] } ],\n  \"snatRules\": [ { \"name\": \"all\", \"sources\": [ \"172.16.58.7/32\", \"fd16::7/128\" ], \"gateways\": [ \"172.16.58.8\", \"fd16::8\" ] } ],\n  \"interfaces\"", StringComparison.Ordinal);
            _lab.Director.Start();
            foreach (RealServerHost server in _lab.RealServers)
            {
                server.Netns.Ip($"route replace {S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}");
                server.Netns.Try($"ip addr del {S1Lab.Vip}/32 dev lo");
            }

            _lab.RealServers[1].Netns.Ip($"addr add {Outside}/32 dev lo");
            _lab.RealServers[1].Netns.Ip($"addr add {Outside6}/128 dev lo nodad");
            _lab.RealServers[0].Netns.Ip($"route add default via {S1Lab.Dip.Split('/')[0]}");
            _lab.RealServers[0].Netns.Ip($"route add default via {S1Lab.DipV6.Split('/')[0]}");
        }
        catch
        {
            _lab.Dispose();
            throw;
        }
    }

    public void Dispose() => _lab.Dispose();

    [Theory]
    [InlineData("-m")]
    [InlineData("-b")]
    public void Ten_thousand_concurrent_connections_work_with_two_workers(string method)
    {
        AddService(WebPort, WebPort, method);
        AssertAllWork(_lab.Client, S1Lab.Vip);
    }

    [Theory]
    [InlineData(Outside)]
    [InlineData(Outside6)]
    public void Ten_thousand_connections_of_an_inside_host_work_with_two_workers(string server)
    {
        AssertAllWork(_lab.RealServers[0].Netns, server);
        SourcePoolView pool = _lab.Director.Api.Get("v1/source-pools", ApiJson.Default.IReadOnlyListSourcePoolView).Single();
        Assert.Equal(0UL, pool.Exhausted);
    }

    /// <summary>So many connections that are open at the same time, by a client to a web server; the workers share them and hand over what is another's.</summary>
    private void AssertAllWork(Netns client, string server)
    {
        Assert.Equal(Connections, ConcurrentConnections.Run(client, server, WebPort, Connections));
        Wait.Until(() => Workers().Sum(w => (long)w.Counters["handedOver"]) == Workers().Sum(w => (long)w.Counters["takenOver"]), "what was handed over is taken");
        IReadOnlyList<WorkerView> workers = Workers();
        Assert.Equal(2, workers.Count);
        Assert.Equal(Connections, workers.Sum(w => (long)w.Counters["flowsCreated"]));
        foreach (WorkerView worker in workers)
        {
            Assert.InRange((long)worker.Counters["flowsCreated"], Connections * 40 / 100, Connections * 60 / 100);
            Assert.True(worker.Counters["handedOver"] > 0, "nothing was handed over");
        }

        Assert.DoesNotContain(workers, w => w.Drops.ContainsKey("noService"));
    }

    [Theory]
    [InlineData("-m")]
    [InlineData("-b")]
    public void Large_transfers_arrive_unchanged(string method)
    {
        AddService(TransferPort, ServerPort, method);
        List<Transfer> servers = [.. _lab.RealServers.Select(s => new Transfer(s.Netns, ServerPort, s.Address))];
        try
        {
            for (int seed = 1; seed <= 4; seed++)
            {
                Assert.True(Transfer.Run(_lab.Client, S1Lab.Vip, TransferPort, TransferBytes, seed), "what arrived differs");
            }
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }
    }

    /// <summary>What one worker opens counts with the other: a server that is full gets no more flows by either, nor does a service.</summary>
    [Fact]
    public void Limits_are_those_of_both_workers()
    {
        string service = $"udp:{S1Lab.Vip}:{DatagramPort}", rs7 = _lab.RealServers[0].Address, rs8 = _lab.RealServers[1].Address;
        Fwdctl($"service add {service} --connections-max {Max}");
        _lab.Director.MustIpvsadm($"-a -u {S1Lab.Vip}:{DatagramPort} -r {rs7}:{ServerPort} -m -x {Upper}");
        _lab.Director.MustIpvsadm($"-a -u {S1Lab.Vip}:{DatagramPort} -r {rs8}:{ServerPort} -m");
        int sent = 0;
        SendUntil(() => Fwdctl($"server list {service}").Contains("overloaded", StringComparison.Ordinal));
        int full = Open(rs7);
        Assert.InRange(full, Upper, Upper + Late);
        SendUntil(() => Refused() > 0);
        Assert.Equal(full, Open(rs7));
        int open = full + Open(rs8), refused = Refused();
        Assert.InRange(open, Max, Max + Late);
        Assert.Equal(sent, open + refused);
        Send(sent, 20);
        Wait.Until(() => Refused() == refused + 20, "all others are refused");
        Assert.Equal(open, full + Open(rs8));
        Assert.All(Workers(), w => Assert.True(w.Counters["flowsCreated"] > 0, "one worker had no flow"));

        void SendUntil(Func<bool> isFull)
        {
            for (; !isFull(); sent++)
            {
                Assert.True(sent < 10 * Max, "the limit is never reached");
                Send(sent, 1);
                Wait.Until(() => Open(rs7) + Open(rs8) + Refused() == sent + 1, "the datagram has come");
            }
        }

        int Open(string server) => _lab.Director.MustIpvsadm($"-L -n -u {S1Lab.Vip}:{DatagramPort}").Split('\n').Where(l => l.Contains($"-> {server}:", StringComparison.Ordinal))
            .Select(l => int.Parse(l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1], System.Globalization.CultureInfo.InvariantCulture)).Single();
        int Refused() => (int)System.Text.Json.Nodes.JsonNode.Parse(Fwdctl($"service show {service}"))!["refused"]!;
    }

    /// <summary>Datagrams, each from a port of its own.</summary>
    private void Send(int first, int count) => _lab.Client.StartThread(() =>
    {
        for (int i = 0; i < count; i++)
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Any, FirstClientPort + first + i));
            socket.SendTo([1], new IPEndPoint(IPAddress.Parse(S1Lab.Vip), DatagramPort));
        }
    }).Join();

    private string Fwdctl(string arguments)
    {
        CommandResult result = _lab.Director.Fwdctl(arguments);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"fwdctl {arguments}: {result.Errors}");
    }

    private IReadOnlyList<WorkerView> Workers() => _lab.Director.Api.Get("v1/workers", ApiJson.Default.IReadOnlyListWorkerView);

    private void AddService(int port, int serverPort, string method)
    {
        _lab.Director.MustIpvsadm($"-A -t {S1Lab.Vip}:{port} -s wlc");
        foreach (RealServerHost server in _lab.RealServers)
        {
            _lab.Director.MustIpvsadm($"-a -t {S1Lab.Vip}:{port} -r {server.Address}:{serverPort} {method}");
        }
    }
}
