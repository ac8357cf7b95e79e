using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>NAT and FullNAT with two workers: a port that spreads by its own hash gives both directions of a flow to any of them.</summary>
public sealed class HandOverTests : IDisposable
{
    private const int Connections = 10_000, WebPort = 80, ServerPort = 8081, TransferPort = 8080, TransferBytes = 20_000_000;
    private readonly S1Lab _lab = new();

    public HandOverTests()
    {
        try
        {
            _lab.Director.Configuration = _lab.Director.Configuration
                .Replace("net_af_packet0,iface=d0", "net_af_packet0,iface=d0,qpairs=2", StringComparison.Ordinal)
                .Replace("\"flowsPerWorker\"", "\"workerCpus\": [ 0, 1 ], \"flowsPerWorker\"", StringComparison.Ordinal)
                .Replace("\"interfaces\"", "\"sourcePools\": [ { \"name\": \"lan\", \"addresses\": [ \"172.16.58.200\" ] } ],\n  \"interfaces\"", StringComparison.Ordinal);
            _lab.Director.Start();
            foreach (RealServerHost server in _lab.RealServers)
            {
                server.Netns.Ip($"route replace {S1Lab.ClientAddress}/32 via {S1Lab.Dip.Split('/')[0]}");
                server.Netns.Try($"ip addr del {S1Lab.Vip}/32 dev lo");
            }
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
        Assert.Equal(Connections, ConcurrentConnections.Run(_lab.Client, S1Lab.Vip, WebPort, Connections));
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
