using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging.Console;

namespace Forwarder.Control;

/// <summary>Control as a whole: its parts put together, its API on a Unix socket.</summary>
public static class ControlHost
{
    /// <summary>Path of the API's socket.</summary>
    public static string SocketPath(ControlOptions options) => Path.Combine(options.RunFolder, "api.sock");

    /// <summary>Builds it, puts what is stored in force, and answers requests from then on.</summary>
    /// <exception cref="ApiException">What is stored is not allowed.</exception>
    /// <exception cref="InvalidDataException">What is stored is not a configuration.</exception>
    public static async Task<WebApplication> StartAsync(ControlOptions options)
    {
        Directory.CreateDirectory(options.RunFolder);
        Directory.CreateDirectory(options.StateFolder);
        string socket = SocketPath(options);
        File.Delete(socket);
        WebApplication app = Build(options, socket);
        try
        {
            await app.Services.GetRequiredService<DirectorState>().StartFromStoreAsync();
            await app.StartAsync();
            SocketPermissions.Apply(socket);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    private static WebApplication Build(ControlOptions options, string socket)
    {
        // The working directory may be /, which must not be watched as a content root.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.AddSimpleConsole(o =>
        {
            o.SingleLine = true;
            o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            o.UseUtcTimestamp = true;
        }).Services.Configure<ConsoleLoggerOptions>(o => o.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);   // who logs never waits for a reader: VRRP does, too
        builder.Logging.SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = Endpoints.BodyBytesMax;
            kestrel.ListenUnixSocket(socket, listen => listen.Use(next => connection =>
            {
                if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is { } peer)
                {
                    connection.Items[PeerCredentials.ItemKey] = PeerCredentials.Of(peer);
                }

                return next(connection);
            }));
        });
        AddServices(builder.Services, options);
        WebApplication app = builder.Build();
        app.UseMiddleware<ProblemMiddleware>();
        app.UseRouting();
        app.UseMiddleware<QueryMiddleware>();
        Endpoints.Map(app);
        return app;
    }

    private static void AddServices(IServiceCollection services, ControlOptions options)
    {
        services.AddRoutingCore();
        ApiDescription.Add(services);
        services.AddSingleton(options).AddSingleton<StateText>().AddSingleton(s => new StateStore(options.StateFolder, s.GetRequiredService<StateText>())).AddSingleton<SnapshotCompiler>().AddSingleton<CounterBases>().AddSingleton<EventLog>();
        services.AddSingleton<DataplaneSupervisor>().AddSingleton<Views>().AddSingleton<Connections>().AddSingleton<Deployment>();
        services.AddSingleton<VrrpTracking>().AddSingleton<VrrpNotifier>().AddSingleton<VrrpLeases>().AddSingleton<VrrpNeighbours>().AddSingleton<VrrpService>();
        services.AddSingleton<DirectorState>().AddHostedService(s => s.GetRequiredService<DirectorState>()).AddHostedService<RateSampler>().AddHostedService(s => s.GetRequiredService<VrrpService>());
    }
}
