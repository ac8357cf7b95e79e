using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Forwarder.Control.Tests;

/// <summary>Control in this process, without a dataplane: the real host with its API on a Unix socket in a folder of its own.</summary>
public sealed class ControlBed : IAsyncDisposable, IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fwd-control-");
    private readonly HttpClient _http;
    private WebApplication? _app;

    /// <summary>Without a dataplane.</summary>
    public ControlBed()
        : this(null)
    {
    }

    private ControlBed(string? failsOn)
    {
        string[] dataplane = failsOn == null ? ["--no-dataplane"] : ["--dataplane", FakeDataplane.Write(_folder.FullName, failsOn), "--stop-dataplane-on-exit"];
        Options = ControlOptions.Parse(["--state", Path.Combine(_folder.FullName, "state"), "--run", Path.Combine(_folder.FullName, "run"), .. dataplane], out _)!;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = async (_, cancellation) => await ConnectAsync(cancellation) }) { BaseAddress = new Uri("http://localhost/"), Timeout = TimeSpan.FromSeconds(20) };
    }

    /// <summary>With a fake dataplane that ends when its configuration has this word.</summary>
    public static ControlBed WithDataplaneThatFailsOn(string word) => new(word);

    /// <summary>Its command line.</summary>
    public ControlOptions Options { get; }

    /// <summary>Its HTTP API.</summary>
    public HttpClient Http => _http;

    public string StatePath => Path.Combine(Options.StateFolder, "state.json");

    public string DataplanePath => Path.Combine(Options.RunFolder, "dataplane.json");

    public string RegionPath => Path.Combine(Options.RunFolder, "region");

    /// <summary>A part of the host.</summary>
    public T Service<T>()
        where T : notnull => _app!.Services.GetRequiredService<T>();

    public async Task<ControlBed> StartAsync(DesiredState? state = null)
    {
        _app = await ControlHost.StartAsync(Options);
        if (state != null)
        {
            (int status, string body, _) = await PutAsync(state);
            Assert.True(status == 200, body);
        }

        return this;
    }

    /// <summary>Stops control in an orderly way.</summary>
    public async Task StopAsync()
    {
        await _app!.StopAsync();
        await _app.DisposeAsync();
        _app = null;
    }

    public async Task<(int Status, string Body, HttpResponseMessage Answer)> SendAsync(HttpMethod method, string path, string? json = null, string? ifMatch = null)
    {
        using HttpRequestMessage request = new(method, path) { Content = json == null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
        if (ifMatch != null)
        {
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        HttpResponseMessage answer = await _http.SendAsync(request);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(), answer);
    }

    public Task<(int Status, string Body, HttpResponseMessage Answer)> PutAsync(DesiredState state, string? ifMatch = null) =>
        SendAsync(HttpMethod.Put, "v1/config", JsonSerializer.Serialize(state, ApiJson.Default.DesiredState), ifMatch);

    public async Task<string> GetAsync(string path = "v1/config") => await _http.GetStringAsync(path);

    /// <summary>What the newest snapshot says to a dataplane.</summary>
    public SnapshotContent Published()
    {
        using Region region = Region.Open(RegionPath);
        return SnapshotReader.Read(region)!;
    }

    /// <summary>As a fixture: starts it with no state.</summary>
    Task IAsyncLifetime.InitializeAsync() => StartAsync();

    Task IAsyncLifetime.DisposeAsync() => DisposeAsync().AsTask();

    public async ValueTask DisposeAsync()
    {
        if (_app != null)
        {
            await StopAsync();
        }

        _http.Dispose();
        _folder.Delete(recursive: true);
    }

    private async Task<Stream> ConnectAsync(CancellationToken cancellation)
    {
        Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(ControlHost.SocketPath(Options)), cancellation);
        return new NetworkStream(socket, ownsSocket: true);
    }
}
