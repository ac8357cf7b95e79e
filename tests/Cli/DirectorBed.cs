using Forwarder.Control;
using Microsoft.AspNetCore.Builder;

namespace Forwarder.Cli.Tests;

/// <summary>A real control in this process, without a dataplane; changes are stored, and reach a dataplane when one starts.</summary>
public sealed class DirectorBed : IAsyncLifetime, IDisposable
{
    private const string Seed = """
        { "dataplane": { "ports": [ { "name": "lan0", "device": "net_null0" } ], "workerCpus": [ 0 ] },
          "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "172.16.58.2/16", "fd16::2/64" ] } ] }
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fwd-cli-");
    private WebApplication? _app;

    /// <summary>The API's socket.</summary>
    public string Socket { get; private set; } = "";

    public Outcome Fwdctl(string line, string input = "") => Tests.Fwdctl.Run(Socket, line, input);

    public Outcome Ipvsadm(string line, string input = "") => Tests.Fwdctl.RunIpvsadm(Socket, line, input);

    /// <summary>A file in the bed's folder.</summary>
    public string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    public async Task InitializeAsync()
    {
        ControlOptions options = ControlOptions.Parse(
            ["--config", Write("seed.json", Seed), "--state", Path.Combine(_folder.FullName, "state"), "--run", Path.Combine(_folder.FullName, "run"), "--no-dataplane"], out _)!;
        _app = await ControlHost.StartAsync(options);
        Socket = ControlHost.SocketPath(options);
    }

    public async Task DisposeAsync()
    {
        await _app!.StopAsync();
        await _app.DisposeAsync();
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
