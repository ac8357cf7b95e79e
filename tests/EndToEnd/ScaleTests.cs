using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Forwarder.Api;
using Forwarder.Lab;
using Xunit.Abstractions;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Large configurations through the API to a forwarding dataplane; the figures are printed and stand in docs/performance.md.</summary>
public sealed class ScaleTests(ITestOutputHelper output) : IDisposable
{
    private const int LoadMsMax = 60_000, ChangeMsMax = 3_000;
    private readonly RunningLab _bed = new();

    [Fact]
    public void Ten_thousand_services_with_ten_servers_each() => Measure(
        "10,000 services x 10 servers, wlc",
        [.. Enumerable.Range(0, 10_000).Select(n => Service(n, "wlc", Enumerable.Range(0, 10)))],
        100_000);

    [Fact]
    public void One_service_with_five_thousand_servers() => Measure(
        "1 service x 5,000 servers, Maglev 65,537",
        [Service(0, "mh", Enumerable.Range(0, 5_000))],
        5_000);

    /// <inheritdoc/>
    public void Dispose() => _bed.Dispose();

    private static VirtualService Service(int number, string scheduler, IEnumerable<int> servers) => new()
    {
        Protocol = "tcp", Address = $"172.17.{number / 250}.{1 + (number % 250)}", Port = 8080, Scheduler = scheduler,
        Servers = [.. servers.Select(s => new RealServer { Address = $"172.16.{100 + (s / 250)}.{1 + (s % 250)}", Weight = 1 })],
    };

    private void Measure(string what, IReadOnlyList<VirtualService> services, int servers)
    {
        DesiredState state = _bed.Director.Api.Get("v1/config", ApiJson.Default.DesiredState);
        state.Services = services;
        string body = JsonSerializer.Serialize(state, ApiJson.Default.DesiredState);
        double loadMs = Timed(() => _bed.Director.Api.Send(HttpMethod.Put, "v1/config", body), out (int Status, string Body) answer);
        Assert.True(answer.Status == 200, answer.Body[..Math.Min(1_000, answer.Body.Length)]);

        StatusView status = _bed.Director.Api.Get("v1/status", ApiJson.Default.StatusView);
        Assert.Equal((services.Count, servers), (status.Services, status.Servers));
        Assert.Equal(status.PublishedGeneration, status.AcceptedGeneration);

        // One more service on top, the one that the clients use: all of it still forwards.
        double changeMs = Timed(() => { _bed.AddWebService(); return 0; }, out _) / 3;
        using HttpLoad load = new(_bed.Lab.Client, S1Lab.Vip, clients: 4, requests: 1_000);
        _bed.AssertNoFailure(load.Join());
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {body.Length / 1e6:0.0} MB of JSON loaded in {loadMs / 1000:0.00} s, one ipvsadm change on top {changeMs:0} ms, snapshot {status.SnapshotBytes / 1e6:0.0} MB, control {Resident(_bed.Director.ControlPid):0} MB, dataplane {Resident(_bed.Director.DataplanePid):0} MB resident"));
        Assert.InRange(loadMs, 0, LoadMsMax);
        Assert.InRange(changeMs, 0, ChangeMsMax);
    }

    private static double Timed<T>(Func<T> action, out T result)
    {
        long start = Stopwatch.GetTimestamp();
        result = action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Resident(int pid)
    {
        using Process process = Process.GetProcessById(pid);
        return process.WorkingSet64 / 1e6;
    }
}
