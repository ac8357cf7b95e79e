using System.Text.Json.Serialization;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>The OpenAPI document, and what routes add to it: their name, the schemas of their bodies, the errors that they answer.</summary>
public static class ApiDescription
{
    private const string JsonType = "application/json", ProblemType = "application/problem+json";

    /// <summary>Adds the document; its schemas are those of <see cref="ApiJson"/>, which reads and writes the bodies.</summary>
    public static void Add(IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
            json.SerializerOptions.RespectNullableAnnotations = true;
        });
        services.AddOpenApi(openApi => openApi.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Forwarder";
            document.Info.Version = "v1";
            document.Info.Description = "HTTP API of forwarder-control, on its Unix socket.";
            document.Servers = [];
            return Task.CompletedTask;
        }));
    }

    /// <summary>Operation id and summary.</summary>
    public static RouteHandlerBuilder Named(this RouteHandlerBuilder route, string operation, string summary) => route.WithName(operation).WithSummary(summary);

    /// <summary>The route reads a body of this type.</summary>
    public static RouteHandlerBuilder Takes<T>(this RouteHandlerBuilder route)
        where T : notnull => route.Accepts<T>(JsonType).Refuses(StatusCodes.Status400BadRequest, StatusCodes.Status413PayloadTooLarge, StatusCodes.Status415UnsupportedMediaType, StatusCodes.Status422UnprocessableEntity);

    /// <summary>The route changes the desired state.</summary>
    public static RouteHandlerBuilder Changes(this RouteHandlerBuilder route, int status = StatusCodes.Status200OK) =>
        route.Produces<ChangeResult>(status).Refuses(StatusCodes.Status500InternalServerError, StatusCodes.Status503ServiceUnavailable);

    /// <summary>The route may answer with these errors.</summary>
    public static RouteHandlerBuilder Refuses(this RouteHandlerBuilder route, params int[] statuses)
    {
        foreach (int status in statuses)
        {
            route.Produces<Problem>(status, ProblemType);
        }

        return route;
    }
}
