using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forwarder.Api;
using Forwarder.Vrrp;
using Microsoft.AspNetCore.Mvc;

namespace Forwarder.Control;

/// <summary>The HTTP API. Every change goes through <see cref="DirectorState"/>'s inbox.</summary>
public static class Endpoints
{
    /// <summary>Largest body of a request in bytes.</summary>
    public const long BodyBytesMax = 64L << 20;

    private const int VrrpCommandMaxS = 86_400;

    /// <summary>Maps all paths.</summary>
    public static void Map(WebApplication app)
    {
        MapConfig(app.MapGroup("").WithTags("config"));
        MapServices(app.MapGroup("").WithTags("services"));
        MapServers(app.MapGroup("").WithTags("servers"));
        MapSnat(app.MapGroup("").WithTags("snat"));
        MapVrrp(app.MapGroup("").WithTags("vrrp"));
        RouteGroupBuilder views = app.MapGroup("").WithTags("views");
        MapViews(views);
        views.MapGet("/v1/events", Events).Named("listenToEvents", "Events, as they happen (server-sent events)").Produces<DirectorEvent>(StatusCodes.Status200OK, "text/event-stream");
        app.MapOpenApi("/v1/openapi.json");
    }

    private static void MapConfig(RouteGroupBuilder app)
    {
        app.MapGet("/v1/config", (DirectorState state, HttpResponse response) =>
        {
            DirectorState.Published current = state.Current;
            response.Headers.ETag = current.ETag;
            return Results.Json(current.State, ApiJson.Default.DesiredState);
        }).Named("getConfig", "The whole desired state; its ETag is for If-Match").Produces<DesiredState>();
        app.MapPut("/v1/config", async ([FromHeader(Name = "If-Match")] string? ifMatch, HttpRequest request, DirectorState state) =>
        {
            DesiredState next = await ReadAsync(request, ApiJson.Default.DesiredState);
            ChangeResult result = await state.ChangeAsync(_ => Edits.Replace(next), ifMatch);
            request.HttpContext.Response.Headers.ETag = state.Current.ETag;
            return Json(result);
        }).Named("putConfig", "Replaces the whole desired state; honours If-Match").Takes<DesiredState>().Changes().Refuses(StatusCodes.Status412PreconditionFailed);
    }

    private static void MapServices(RouteGroupBuilder app)
    {
        app.MapGet("/v1/services", (Views views) => Results.Json(views.Services(), ApiJson.Default.ServiceList)).Named("listServices", "Virtual services with their counters").Produces<ServiceList>();
        app.MapGet("/v1/services/{id}", (string id, Views views) => Results.Json(views.Service(id), ApiJson.Default.ServiceView))
            .Named("getService", "One virtual service").Produces<ServiceView>().Refuses(StatusCodes.Status404NotFound);
        app.MapPost("/v1/services", async (HttpRequest request, DirectorState state) =>
        {
            VirtualService service = await ReadAsync(request, ApiJson.Default.VirtualService);
            return Json(await state.ChangeAsync(s => Edits.AddService(s, service)), StatusCodes.Status201Created);
        }).Named("addService", "Adds a virtual service").Takes<VirtualService>().Changes(StatusCodes.Status201Created).Refuses(StatusCodes.Status409Conflict);
        app.MapDelete("/v1/services", async (DirectorState state) => Json(await state.ChangeAsync(Edits.RemoveServices)))
            .Named("removeServices", "Removes all virtual services").Changes();
        app.MapPut("/v1/services/{id}", async (string id, HttpRequest request, DirectorState state) =>
        {
            VirtualService service = await ReadAsync(request, ApiJson.Default.VirtualService);
            return Json(await state.ChangeAsync(s => Edits.PutService(s, id, service)));
        }).Named("putService", "Adds or replaces a virtual service with its real servers").Takes<VirtualService>().Changes();
        app.MapPatch("/v1/services/{id}", async (string id, HttpRequest request, DirectorState state) =>
        {
            ServiceChange change = await ReadAsync(request, ApiJson.Default.ServiceChange);
            return Json(await state.ChangeAsync(s => Edits.EditService(s, id, v => v with { Scheduler = change.Scheduler ?? v.Scheduler, MaglevTableSize = change.MaglevTableSize ?? v.MaglevTableSize, ConnectionsMax = change.ConnectionsMax ?? v.ConnectionsMax, SourcePool = change.SourcePool ?? v.SourcePool, ClientAddress = change.ClientAddress ?? v.ClientAddress, Flows = change.Flows?.Over(v.Flows) ?? v.Flows, Timeouts = change.Timeouts?.Over(v.Timeouts) ?? v.Timeouts })));
        }).Named("changeService", "Changes a virtual service; its real servers stay").Takes<ServiceChange>().Changes().Refuses(StatusCodes.Status404NotFound);
        app.MapDelete("/v1/services/{id}", async (string id, DirectorState state) => Json(await state.ChangeAsync(s => Edits.RemoveService(s, id))))
            .Named("removeService", "Removes a virtual service").Changes().Refuses(StatusCodes.Status404NotFound);
    }

    private static void MapServers(RouteGroupBuilder app)
    {
        app.MapGet("/v1/services/{id}/servers", (string id, Views views) => Results.Json(views.Service(id).Servers, ApiJson.Default.IReadOnlyListRealServerView))
            .Named("listServers", "Real servers of a virtual service").Produces<IReadOnlyList<RealServerView>>().Refuses(StatusCodes.Status404NotFound);
        app.MapPost("/v1/services/{id}/servers", async (string id, HttpRequest request, DirectorState state) =>
        {
            RealServer server = await ReadAsync(request, ApiJson.Default.RealServer);
            return Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.AddServer(v, server))), StatusCodes.Status201Created);
        }).Named("addServer", "Adds a real server").Takes<RealServer>().Changes(StatusCodes.Status201Created).Refuses(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict);
        app.MapPut("/v1/services/{id}/servers/{server}", async (string id, string server, HttpRequest request, DirectorState state) =>
        {
            RealServer next = await ReadAsync(request, ApiJson.Default.RealServer);
            return Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.PutServer(v, server, next))));
        }).Named("putServer", "Adds or replaces a real server").Takes<RealServer>().Changes().Refuses(StatusCodes.Status404NotFound);
        app.MapPatch("/v1/services/{id}/servers/{server}", async (string id, string server, HttpRequest request, DirectorState state) =>
        {
            RealServerChange change = await ReadAsync(request, ApiJson.Default.RealServerChange);
            return Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.EditServer(v, server, r => Edits.Changed(r, change)))));
        }).Named("changeServer", "Changes a real server; weight 0 drains it").Takes<RealServerChange>().Changes().Refuses(StatusCodes.Status404NotFound);
        app.MapDelete("/v1/services/{id}/servers/{server}", async (string id, string server, DirectorState state) =>
            Json(await state.ChangeAsync(s => Edits.EditServers(s, id, v => Edits.RemoveServer(v, server)))))
            .Named("removeServer", "Removes a real server; its connections are lost").Changes().Refuses(StatusCodes.Status404NotFound);
    }

    private static void MapSnat(RouteGroupBuilder app)
    {
        app.MapGet("/v1/snat", (Views views) => Results.Json(views.SnatRules(), ApiJson.Default.IReadOnlyListSnatRuleView)).Named("listSnatRules", "Rules of SNAT with their counters").Produces<IReadOnlyList<SnatRuleView>>();
        app.MapGet("/v1/snat/{name}", (string name, Views views) => Results.Json(views.SnatRule(name), ApiJson.Default.SnatRuleView))
            .Named("getSnatRule", "One rule of SNAT").Produces<SnatRuleView>().Refuses(StatusCodes.Status404NotFound);
        app.MapPost("/v1/snat", async (string? before, HttpRequest request, DirectorState state) =>
        {
            SnatRule rule = await ReadAsync(request, ApiJson.Default.SnatRule);
            return Json(await state.ChangeAsync(s => Edits.AddSnatRule(s, rule, before)), StatusCodes.Status201Created);
        }).Named("addSnatRule", "Adds a rule of SNAT: the last one, or before another one").Takes<SnatRule>().Changes(StatusCodes.Status201Created).Refuses(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict);
        app.MapPut("/v1/snat/{name}", async (string name, HttpRequest request, DirectorState state) =>
        {
            SnatRule rule = await ReadAsync(request, ApiJson.Default.SnatRule);
            return Json(await state.ChangeAsync(s => Edits.PutSnatRule(s, name, rule)));
        }).Named("putSnatRule", "Replaces a rule of SNAT where it stands, or adds it").Takes<SnatRule>().Changes();
        app.MapDelete("/v1/snat/{name}", async (string name, DirectorState state) => Json(await state.ChangeAsync(s => Edits.RemoveSnatRule(s, name))))
            .Named("removeSnatRule", "Removes a rule of SNAT; its flows end").Changes().Refuses(StatusCodes.Status404NotFound);
    }

    private static void MapVrrp(RouteGroupBuilder app)
    {
        app.MapGet("/v1/vrrp", async (VrrpService vrrp) => Results.Json(await vrrp.ViewsAsync(), ApiJson.Default.IReadOnlyListVrrpGroupView))
            .Named("listVrrpGroups", "VRRP groups: state, timers, counters").Produces<IReadOnlyList<VrrpGroupView>>();
        app.MapGet("/v1/vrrp/{name}", async (string name, VrrpService vrrp) => Results.Json(await vrrp.ViewAsync(name), ApiJson.Default.VrrpGroupView))
            .Named("getVrrpGroup", "One VRRP group").Produces<VrrpGroupView>().Refuses(StatusCodes.Status404NotFound);
        app.MapPost("/v1/vrrp/{name}/backup", (string name, HttpRequest request, VrrpService vrrp) => CommandAsync(name, request, vrrp, VrrpEvent.ForceBackup))
            .Named("forceVrrpBackup", "Makes a group backup for some time, at once").Takes<VrrpCommand>().Produces(StatusCodes.Status204NoContent).Refuses(StatusCodes.Status404NotFound, StatusCodes.Status503ServiceUnavailable);
        app.MapPost("/v1/vrrp/{name}/handover", (string name, HttpRequest request, VrrpService vrrp) => CommandAsync(name, request, vrrp, VrrpEvent.Handover))
            .Named("handOverVrrp", "Hands a group over: goes on until another director is active, then is backup for some time").Takes<VrrpCommand>().Produces(StatusCodes.Status204NoContent).Refuses(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict, StatusCodes.Status503ServiceUnavailable);
        app.MapPost("/v1/vrrp/{name}/release", async (string name, VrrpService vrrp) =>
        {
            await vrrp.CommandAsync(name, VrrpEvent.ReleaseBackup);
            return Results.NoContent();
        }).Named("releaseVrrp", "Ends the time for which a group was made backup").Produces(StatusCodes.Status204NoContent).Refuses(StatusCodes.Status404NotFound, StatusCodes.Status409Conflict, StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> CommandAsync(string name, HttpRequest request, VrrpService vrrp, Func<long, VrrpEvent> make)
    {
        VrrpCommand command = await ReadAsync(request, ApiJson.Default.VrrpCommand);
        if (command.DurationS is < 1 or > VrrpCommandMaxS)
        {
            throw ApiException.Invalid("/durationS", $"{command.DurationS} is out of range; allowed are 1 to {VrrpCommandMaxS} seconds.");
        }

        await vrrp.CommandAsync(name, make(command.DurationS * VrrpLimits.NanosecondsPerSecond));
        return Results.NoContent();
    }

    private static void MapViews(RouteGroupBuilder app)
    {
        app.MapGet("/v1/status", (Views views) => Results.Json(views.Status(), ApiJson.Default.StatusView)).Named("getStatus", "Generations, dataplane, workers").Produces<StatusView>();
        app.MapGet("/v1/ports", (Views views) => Results.Json(views.Ports(), ApiJson.Default.IReadOnlyListPortView)).Named("listPorts", "DPDK ports with statistics").Produces<IReadOnlyList<PortView>>();
        app.MapGet("/v1/workers", (Views views) => Results.Json(views.Workers(), ApiJson.Default.IReadOnlyListWorkerView)).Named("listWorkers", "Workers with flows and counters").Produces<IReadOnlyList<WorkerView>>();
        app.MapGet("/v1/neighbours", (Views views) => Results.Json(views.Neighbours(), ApiJson.Default.IReadOnlyListNeighbourView)).Named("listNeighbours", "MAC addresses of next hops").Produces<IReadOnlyList<NeighbourView>>();
        app.MapGet("/v1/source-pools", (Views views) => Results.Json(views.SourcePools(), ApiJson.Default.IReadOnlyListSourcePoolView)).Named("listSourcePools", "Source addresses of FullNAT and SNAT and their local ports").Produces<IReadOnlyList<SourcePoolView>>();
        app.MapGet("/v1/counters", (Views views) => Results.Json(views.Counters(), ApiJson.Default.CountersView)).Named("getCounters", "Packets, slow path, drops by reason").Produces<CountersView>();
        app.MapPost("/v1/counters/zero", (string? service, Views views) =>
        {
            views.Zero(service == null ? null : views.Service(service).Id);
            return Results.NoContent();
        }).Named("zeroCounters", "Zeroes traffic counters, of one virtual service or of all").Produces(StatusCodes.Status204NoContent).Refuses(StatusCodes.Status404NotFound);
        app.MapGet("/v1/connections", async (ulong? cursor, string? service, string? client, string? server, string? state, Connections connections, CancellationToken cancellation) =>
            Results.Json(await connections.ListAsync(cursor ?? 0, ConnectionFilter.Parse(service, client, server, state), cancellation), ApiJson.Default.ConnectionList))
            .Named("listConnections", "Flows, page by page").Produces<ConnectionList>().Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status422UnprocessableEntity, StatusCodes.Status503ServiceUnavailable);
        app.MapDelete("/v1/connections", async (string? service, string? client, string? server, string? state, bool? all, Connections connections, CancellationToken cancellation) =>
        {
            ConnectionFilter filter = ConnectionFilter.Parse(service, client, server, state);
            return filter.IsEmpty == (all == true)
                ? Results.Json(await connections.RemoveAsync(filter, cancellation), ApiJson.Default.ConnectionRemoval)
                : throw ApiException.Invalid(null, "Say which connections: by service, client, server, state, or all=true and none of these.");
        }).Named("removeConnections", "Removes the flows that fit: their next packets open new ones").Produces<ConnectionRemoval>().Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status422UnprocessableEntity, StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task Events(HttpContext context, EventLog events, IHostApplicationLifetime lifetime)
    {
        // A request that never ends would keep control from stopping.
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        _ = long.TryParse(context.Request.Headers["Last-Event-ID"].FirstOrDefault(), out long after);
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        try
        {
            await foreach (DirectorEvent entry in events.ListenAsync(after, end.Token))
            {
                string data = JsonSerializer.Serialize(entry, ApiJson.Default.DirectorEvent).ReplaceLineEndings("");
                await context.Response.WriteAsync($"id: {entry.Sequence}\nevent: {entry.Kind}\ndata: {data}\n\n");
                await context.Response.Body.FlushAsync();
            }
        }
        catch (OperationCanceledException)
        {
            // The listener has gone, or control stops.
        }
    }

    private static IResult Json(ChangeResult result, int status = StatusCodes.Status200OK) => Results.Json(result, ApiJson.Default.ChangeResult, statusCode: status);

    private static async Task<T> ReadAsync<T>(HttpRequest request, JsonTypeInfo<T> type)
    {
        try
        {
            return await JsonSerializer.DeserializeAsync(request.Body, type, request.HttpContext.RequestAborted)
                ?? throw new ApiException(StatusCodes.Status400BadRequest, "Not JSON", "The body is null; an object is needed.");
        }
        catch (JsonException e)
        {
            throw new ApiException(StatusCodes.Status400BadRequest, "Not JSON, or not this object", JsonFault.Text(e, type, "The body"), JsonFault.Pointer(e));
        }
    }
}
