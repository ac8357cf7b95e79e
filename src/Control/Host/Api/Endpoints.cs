using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>The HTTP API. Every change goes through <see cref="DirectorState"/>'s inbox.</summary>
public static class Endpoints
{
    /// <summary>Largest body of a request in bytes.</summary>
    public const long BodyBytesMax = 64L << 20;

    /// <summary>Maps all paths.</summary>
    public static void Map(WebApplication app)
    {
        MapConfig(app);
        MapServices(app);
        MapServers(app);
        MapViews(app);
        app.MapGet("/v1/events", Events);
        app.MapOpenApi("/v1/openapi.json");
    }

    private static void MapConfig(WebApplication app)
    {
        app.MapGet("/v1/config", (DirectorState state, HttpResponse response) =>
        {
            DirectorState.Published current = state.Current;
            response.Headers.ETag = current.ETag;
            return Results.Json(current.State, ApiJson.Default.DesiredState);
        });
        app.MapPut("/v1/config", async (HttpRequest request, DirectorState state) =>
        {
            DesiredState next = await ReadAsync(request, ApiJson.Default.DesiredState);
            ChangeResult result = await state.ChangeAsync(_ => Edits.Replace(next), request.Headers.IfMatch.FirstOrDefault());
            request.HttpContext.Response.Headers.ETag = state.Current.ETag;
            return Json(result);
        });
    }

    private static void MapServices(WebApplication app)
    {
        app.MapGet("/v1/services", (Views views) => Results.Json(views.Services(), ApiJson.Default.ServiceList));
        app.MapGet("/v1/services/{id}", (string id, Views views) => Results.Json(views.Service(id), ApiJson.Default.ServiceView));
        app.MapPost("/v1/services", async (HttpRequest request, DirectorState state) =>
        {
            VirtualService service = await ReadAsync(request, ApiJson.Default.VirtualService);
            return Json(await state.ChangeAsync(s => Edits.AddService(s, service)), StatusCodes.Status201Created);
        });
        app.MapDelete("/v1/services", async (DirectorState state) => Json(await state.ChangeAsync(s => new Edit(s with { Services = [] }, null))));
        app.MapPut("/v1/services/{id}", async (string id, HttpRequest request, DirectorState state) =>
        {
            VirtualService service = await ReadAsync(request, ApiJson.Default.VirtualService);
            return Json(await state.ChangeAsync(s => Edits.PutService(s, id, service)));
        });
        app.MapPatch("/v1/services/{id}", async (string id, HttpRequest request, DirectorState state) =>
        {
            ServiceChange change = await ReadAsync(request, ApiJson.Default.ServiceChange);
            return Json(await state.ChangeAsync(s => Edits.EditService(s, id, v => v with { Scheduler = change.Scheduler ?? v.Scheduler, MaglevTableSize = change.MaglevTableSize ?? v.MaglevTableSize })));
        });
        app.MapDelete("/v1/services/{id}", async (string id, DirectorState state) => Json(await state.ChangeAsync(s => Edits.RemoveService(s, id))));
    }

    private static void MapServers(WebApplication app)
    {
        app.MapGet("/v1/services/{id}/servers", (string id, Views views) => Results.Json(views.Service(id).Servers, ApiJson.Default.IReadOnlyListRealServerView));
        app.MapPost("/v1/services/{id}/servers", async (string id, HttpRequest request, DirectorState state) =>
        {
            RealServer server = await ReadAsync(request, ApiJson.Default.RealServer);
            return Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.AddServer(v, server))), StatusCodes.Status201Created);
        });
        app.MapPut("/v1/services/{id}/servers/{server}", async (string id, string server, HttpRequest request, DirectorState state) =>
        {
            RealServer next = await ReadAsync(request, ApiJson.Default.RealServer);
            return Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.PutServer(v, server, next))));
        });
        app.MapPatch("/v1/services/{id}/servers/{server}", async (string id, string server, HttpRequest request, DirectorState state) =>
        {
            RealServerChange change = await ReadAsync(request, ApiJson.Default.RealServerChange);
            return Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.EditServer(v, server, r => r with { Weight = change.Weight ?? r.Weight, Method = change.Method ?? r.Method }))));
        });
        app.MapDelete("/v1/services/{id}/servers/{server}", async (string id, string server, DirectorState state) =>
            Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.RemoveServer(v, server)))));
    }

    private static void MapViews(WebApplication app)
    {
        app.MapGet("/v1/status", (Views views) => Results.Json(views.Status(), ApiJson.Default.StatusView));
        app.MapGet("/v1/ports", (Views views) => Results.Json(views.Ports(), ApiJson.Default.IReadOnlyListPortView));
        app.MapGet("/v1/workers", (Views views) => Results.Json(views.Workers(), ApiJson.Default.IReadOnlyListWorkerView));
        app.MapGet("/v1/neighbours", (Views views) => Results.Json(views.Neighbours(), ApiJson.Default.IReadOnlyListNeighbourView));
        app.MapGet("/v1/counters", (Views views) => Results.Json(views.Counters(), ApiJson.Default.CountersView));
        app.MapPost("/v1/counters/zero", (string? service, Views views) =>
        {
            views.Zero(service == null ? null : views.Service(service).Id);
            return Results.NoContent();
        });
        app.MapGet("/v1/connections", async (ulong? cursor, string? service, string? client, Connections connections, CancellationToken cancellation) =>
            Results.Json(await connections.ListAsync(cursor ?? 0, service, client, cancellation), ApiJson.Default.ConnectionList));
    }

    private static async Task Events(HttpContext context, EventLog events)
    {
        _ = long.TryParse(context.Request.Headers["Last-Event-ID"].FirstOrDefault(), out long after);
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        try
        {
            await foreach (DirectorEvent entry in events.ListenAsync(after, context.RequestAborted))
            {
                string data = JsonSerializer.Serialize(entry, ApiJson.Default.DirectorEvent).ReplaceLineEndings("");
                await context.Response.WriteAsync($"id: {entry.Sequence}\nevent: {entry.Kind}\ndata: {data}\n\n");
                await context.Response.Body.FlushAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The listener has gone.
        }
    }

    private static IResult Json(ChangeResult result, int status = StatusCodes.Status200OK) => Results.Json(result, ApiJson.Default.ChangeResult, statusCode: status);

    private static async Task<T> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type)
    {
        if (request.ContentType is { } contentType && !contentType.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new ApiException(StatusCodes.Status415UnsupportedMediaType, "Unsupported media type", $"The body is {contentType}; allowed is application/json.");
        }

        try
        {
            return await JsonSerializer.DeserializeAsync(request.Body, type, request.HttpContext.RequestAborted)
                ?? throw new ApiException(StatusCodes.Status400BadRequest, "Not JSON", "The body is null; an object is needed.");
        }
        catch (JsonException e)
        {
            throw new ApiException(StatusCodes.Status400BadRequest, "Not JSON, or not this object", e.Message, e.Path == null ? null : Pointer(e.Path));
        }
    }

    // "$.services[0].weight" as a JSON pointer.
    private static string Pointer(string path) => path.TrimStart('$').Replace(".", "/", StringComparison.Ordinal).Replace("[", "/", StringComparison.Ordinal).Replace("]", "", StringComparison.Ordinal);
}
