using Forwarder.Abi;
using Forwarder.Control;
using Microsoft.AspNetCore.Connections.Features;

ControlOptions? options = ControlOptions.Parse(args, out string message);
if (options == null)
{
    Console.Error.WriteLine($"{message}\n{ControlOptions.Usage}");
    return 2;
}

try
{
    Directory.CreateDirectory(options.RunFolder);
    Directory.CreateDirectory(options.StateFolder);
    string socket = Path.Combine(options.RunFolder, "api.sock");
    File.Delete(socket);

    // The working directory may be /, which must not be watched as a content root.
    WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
    builder.Logging.AddSimpleConsole(o =>
    {
        o.SingleLine = true;
        o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        o.UseUtcTimestamp = true;
    }).SetMinimumLevel(LogLevel.Information).AddFilter("Microsoft", LogLevel.Warning);
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
    builder.Services.AddRoutingCore().AddOpenApi();
    builder.Services.AddSingleton(options).AddSingleton(new StateStore(options.StateFolder)).AddSingleton<SnapshotCompiler>().AddSingleton<CounterBases>().AddSingleton<EventLog>();
    builder.Services.AddSingleton<DataplaneSupervisor>().AddSingleton<Views>().AddSingleton<Connections>();
    builder.Services.AddSingleton<DirectorState>().AddHostedService(s => s.GetRequiredService<DirectorState>()).AddHostedService<RateSampler>();

    await using WebApplication app = builder.Build();
    app.UseMiddleware<ProblemMiddleware>();
    app.UseRouting();
    Endpoints.Map(app);
    await app.Services.GetRequiredService<DirectorState>().StartFromStoreAsync();
    await app.StartAsync();
    SocketPermissions.Apply(socket);
    app.Logger.LogInformation("forwarder-control: API on {Socket}, pid {Pid}", socket, Environment.ProcessId);
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (e is ApiException or InvalidDataException or RegionException or IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
{
    string where = e is ApiException { Pointer: { } pointer } ? $"{pointer}: " : "";
    Console.Error.WriteLine($"forwarder-control: {where}{e.Message}");
    return 1;
}
