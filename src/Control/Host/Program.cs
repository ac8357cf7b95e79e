using Forwarder.Abi;
using Forwarder.Control;

ControlOptions? options = ControlOptions.Parse(args, out string message);
if (options == null)
{
    Console.Error.WriteLine($"{message}\n{ControlOptions.Usage}");
    return 2;
}

try
{
    await using WebApplication app = await ControlHost.StartAsync(options);
    app.Logger.LogInformation("forwarder-control: API on {Socket}, pid {Pid}", ControlHost.SocketPath(options), Environment.ProcessId);
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (e is ApiException or InvalidDataException or RegionException or IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException)
{
    string where = e is ApiException { Pointer: { } pointer } ? $"{pointer}: " : "";
    Console.Error.WriteLine($"forwarder-control: {where}{e.Message}");
    return 1;
}
