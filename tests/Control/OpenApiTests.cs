using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Forwarder.Control.Tests;

/// <summary>The OpenAPI document says what each route takes and answers.</summary>
public sealed class OpenApiTests
{
    private static readonly string[] s_withBody = ["post", "put", "patch"];

    [Fact]
    public async Task EachRouteIsDescribed()
    {
        await using ControlBed bed = await new ControlBed().StartAsync();
        JsonElement paths = (await DocumentAsync(bed)).GetProperty("paths");
        IEnumerable<string> routes = bed.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods, (e, method) => $"{method.ToUpperInvariant()} {e.RoutePattern.RawText}")
            .Where(r => !r.EndsWith("openapi.json", StringComparison.Ordinal)).Order();
        Assert.Equal(routes, Operations(paths).Select(o => $"{o.Method.ToUpperInvariant()} {o.Path}").Order());
        Assert.Equal(34, routes.Count());
        Assert.All(Operations(paths), o => Assert.True(o.Operation.TryGetProperty("operationId", out _) && o.Operation.TryGetProperty("summary", out _), o.Path));
    }

    [Fact]
    public async Task EachBodyRefersToASchemaThatIsThere()
    {
        await using ControlBed bed = await new ControlBed().StartAsync();
        JsonElement document = await DocumentAsync(bed);
        foreach ((string path, string method, JsonElement operation) in Operations(document.GetProperty("paths")))
        {
            if (s_withBody.Contains(method) && path is not ("/v1/counters/zero" or "/v1/vrrp/{name}/release"))
            {
                AssertSchema(document, operation.GetProperty("requestBody").GetProperty("content").GetProperty("application/json"), $"{method} {path}");
                Assert.True(operation.GetProperty("requestBody").GetProperty("required").GetBoolean());
            }

            foreach (JsonProperty answer in operation.GetProperty("responses").EnumerateObject().Where(r => r.Name != "204"))
            {
                JsonProperty content = Assert.Single(answer.Value.GetProperty("content").EnumerateObject());
                AssertSchema(document, content.Value, $"{method} {path} {answer.Name}");
                Assert.Equal(answer.Name[0] == '2', content.Name != "application/problem+json");
            }
        }
    }

    [Fact]
    public async Task SchemasAreThoseThatBodiesAreReadWith()
    {
        await using ControlBed bed = await new ControlBed().StartAsync();
        JsonElement service = (await DocumentAsync(bed)).GetProperty("components").GetProperty("schemas").GetProperty("VirtualService");
        Assert.Equal(["address", "port", "protocol"], service.GetProperty("required").EnumerateArray().Select(e => e.GetString()!).Order());
        Assert.False(service.GetProperty("additionalProperties").GetBoolean());
        Assert.Equal("integer", service.GetProperty("properties").GetProperty("port").GetProperty("type").GetString());
        Assert.Contains("1 to 65,535", service.GetProperty("properties").GetProperty("port").GetProperty("description").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task PreconditionsAreDescribed()
    {
        await using ControlBed bed = await new ControlBed().StartAsync();
        JsonElement put = (await DocumentAsync(bed)).GetProperty("paths").GetProperty("/v1/config").GetProperty("put");
        Assert.Contains(put.GetProperty("parameters").EnumerateArray(), p => p.GetProperty("name").GetString() == "If-Match" && p.GetProperty("in").GetString() == "header");
        Assert.True(put.GetProperty("responses").TryGetProperty("412", out _));
    }

    private static async Task<JsonElement> DocumentAsync(ControlBed bed)
    {
        using JsonDocument document = JsonDocument.Parse(await bed.GetAsync("v1/openapi.json"));
        return document.RootElement.Clone();
    }

    private static IEnumerable<(string Path, string Method, JsonElement Operation)> Operations(JsonElement paths) =>
        paths.EnumerateObject().SelectMany(p => p.Value.EnumerateObject(), (p, m) => (p.Name, m.Name, m.Value));

    private static void AssertSchema(JsonElement document, JsonElement content, string where)
    {
        JsonElement schema = content.GetProperty("schema");
        schema = schema.TryGetProperty("items", out JsonElement items) ? items : schema;
        Assert.True(schema.TryGetProperty("$ref", out JsonElement reference), $"{where}: {schema}");
        JsonElement at = document;
        foreach (string step in reference.GetString()!.Split('/')[1..])
        {
            Assert.True(at.TryGetProperty(step, out at), $"{where}: {reference} is not there");
        }

        Assert.Equal("object", at.GetProperty("type").GetString());
    }
}
