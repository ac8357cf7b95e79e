using System.Text.Json;
using Forwarder.Api;
using Microsoft.AspNetCore.Connections.Features;

namespace Forwarder.Control;

/// <summary>Every error leaves as application/problem+json (RFC 9457); every change is logged with who asked for it.</summary>
public sealed class ProblemMiddleware(RequestDelegate next, ILogger<ProblemMiddleware> log)
{
    /// <summary>Handles a request.</summary>
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response.StatusCode >= StatusCodes.Status400BadRequest && !context.Response.HasStarted && context.Response.ContentLength is null or 0)
            {
                await WriteAsync(context, context.Response.StatusCode, "Not possible", Reason(context), null);
            }
        }
        catch (ApiException e)
        {
            await WriteAsync(context, e.Status, e.Title, e.Message, e.Pointer);
        }
        catch (BadHttpRequestException e)
        {
            string detail = e.StatusCode == StatusCodes.Status413PayloadTooLarge ? $"The body is larger than {Endpoints.BodyBytesMax} bytes." : e.Message;
            await WriteAsync(context, e.StatusCode, "Bad request", detail, null);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.Failed(log, $"{context.Request.Method} {context.Request.Path} failed", e);
            await WriteAsync(context, StatusCodes.Status500InternalServerError, "Internal error", e.Message, null);
        }

        if (!HttpMethods.IsGet(context.Request.Method))
        {
            (long uid, long pid) = context.Features.Get<IConnectionItemsFeature>()?.Items.TryGetValue(PeerCredentials.ItemKey, out object? peer) == true && peer is PeerCredentials c ? (c.Uid, c.Pid) : (-1L, -1L);
            Log.Change(log, context.Request.Method, context.Request.Path, uid, pid, context.Response.StatusCode);
        }
    }

    private static string Reason(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status415UnsupportedMediaType => $"The body is {context.Request.ContentType ?? "of no type"}; Content-Type has to be application/json.",
        StatusCodes.Status400BadRequest => $"A parameter in {context.Request.QueryString} is not of its type; see /v1/openapi.json.",
        StatusCodes.Status405MethodNotAllowed => $"{context.Request.Path} does not have {context.Request.Method}; allowed are {context.Response.Headers.Allow}.",
        _ => $"{context.Request.Method} {context.Request.Path} is not known to this API; see /v1/openapi.json.",
    };

    private static async Task WriteAsync(HttpContext context, int status, string title, string detail, string? pointer)
    {
        if (context.Response.HasStarted)
        {
            return;
        }

        Problem problem = new() { Type = "about:blank", Title = title, Status = status, Detail = detail, Pointer = pointer };
        string? allow = context.Response.Headers.Allow;
        context.Response.Clear();
        context.Response.Headers.Allow = allow;
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/problem+json";
        await context.Response.WriteAsync(JsonSerializer.Serialize(problem, ApiJson.Default.Problem));
    }
}
