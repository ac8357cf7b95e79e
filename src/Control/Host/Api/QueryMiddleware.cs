using Microsoft.AspNetCore.Http.Metadata;

namespace Forwarder.Control;

/// <summary>Refuses query parameters that a path does not have: a misspelled one would count as not given, and "sevrice" delete the connections of all services.</summary>
public sealed class QueryMiddleware(RequestDelegate next)
{
    /// <summary>Handles a request.</summary>
    /// <exception cref="ApiException">There is such a parameter.</exception>
    public Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Query.Count != 0 && context.GetEndpoint() is RouteEndpoint endpoint)
        {
            string[] allowed = [.. endpoint.Metadata.GetOrderedMetadata<IParameterBindingMetadata>().Where(p => IsQuery(endpoint, p)).Select(p => p.Name)];
            string? unknown = context.Request.Query.Keys.FirstOrDefault(name => !allowed.Contains(name, StringComparer.OrdinalIgnoreCase));
            if (unknown != null)
            {
                string names = allowed.Length == 0 ? "it takes none" : $"allowed are {string.Join(", ", allowed)}";
                throw ApiException.Invalid(null, $"{context.Request.Method} {context.Request.Path} has no parameter \"{unknown}\"; {names}.");
            }
        }

        return next(context);
    }

    /// <summary>What is neither in the path nor a header nor one of control's own parts.</summary>
    private static bool IsQuery(RouteEndpoint endpoint, IParameterBindingMetadata parameter)
    {
        Type type = Nullable.GetUnderlyingType(parameter.ParameterInfo.ParameterType) ?? parameter.ParameterInfo.ParameterType;
        return (type == typeof(string) || type.IsPrimitive) && endpoint.RoutePattern.GetParameter(parameter.Name) == null
            && !parameter.ParameterInfo.GetCustomAttributes(inherit: false).OfType<IFromHeaderMetadata>().Any();
    }
}
