using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Forwarder.Cli.Tests;

/// <summary>Gives what a director under load has answered (the folder answers), so that tables have figures that are known.</summary>
public sealed class RecordedDirector : IAsyncLifetime, IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("fwd-cli-");
    private WebApplication? _app;

    /// <summary>The API's socket.</summary>
    public string Socket => Path.Combine(_folder.FullName, "api.sock");

    public async Task InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(Socket));
        _app = builder.Build();
        _app.UseRouting();
        _app.MapGet("/v1/{name}", Answer);
        _app.MapDelete("/v1/services", Busy);
        _app.MapDelete("/v1/connections", Removed);
        await _app.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _app!.StopAsync();
        await _app.DisposeAsync();
    }

    public void Dispose() => _folder.Delete(recursive: true);

    /// <summary>Method and query of the last request about connections.</summary>
    public string? LastConnections { get; private set; }

    private Task Answer(HttpContext context)
    {
        string name = (string)context.Request.RouteValues["name"]!;
        Note(context, name);
        string page = context.Request.Query["cursor"].ToString() is "" or "0" ? "" : "-next";
        return context.Response.SendFileAsync(Path.Combine(AppContext.BaseDirectory, "answers", name + page + ".json"));
    }

    private Task Removed(HttpContext context)
    {
        Note(context, "connections");
        return context.Response.WriteAsync("{ \"removed\": 7 }");
    }

    private void Note(HttpContext context, string name)
    {
        if (name == "connections")
        {
            LastConnections = $"{context.Request.Method} {Uri.UnescapeDataString(context.Request.QueryString.Value!)}";
        }
    }

    // Not problem+json: as a proxy in between would say it.
    private static Task Busy(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        return context.Response.WriteAsync("busy");
    }
}
