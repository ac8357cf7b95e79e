namespace Forwarder.Control;

/// <summary>A request that cannot be carried out; becomes a problem+json answer.</summary>
public sealed class ApiException(int status, string title, string detail, string? pointer = null) : Exception(detail)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>The kind in words.</summary>
    public string Title { get; } = title;

    /// <summary>JSON pointer of the field at fault.</summary>
    public string? Pointer { get; } = pointer;

    /// <summary>422: a value is wrong.</summary>
    public static ApiException Invalid(string? pointer, string detail) => new(StatusCodes.Status422UnprocessableEntity, "Invalid value", detail, pointer);

    /// <summary>404: there is no such thing.</summary>
    public static ApiException NotFound(string detail) => new(StatusCodes.Status404NotFound, "Not found", detail);

    /// <summary>409: it exists already, or something stands in the way.</summary>
    public static ApiException Conflict(string detail) => new(StatusCodes.Status409Conflict, "Conflict", detail);

    /// <summary>503: not now.</summary>
    public static ApiException Unavailable(string detail) => new(StatusCodes.Status503ServiceUnavailable, "Not available", detail);
}
