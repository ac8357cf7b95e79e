using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>A changed state, and where in it the body of the request stands.</summary>
/// <param name="Next">The state as it is to be.</param>
/// <param name="At">JSON pointer into <paramref name="Next"/>; empty if the body is the whole state, null if there is none.</param>
public readonly record struct Edit(DesiredState Next, string? At)
{
    /// <summary>The same error with its pointer relative to the body; without one if the fault is outside of it.</summary>
    public ApiException Localize(ApiException e) => new(e.Status, e.Title, e.Message, Localize(e.Pointer));

    private string? Localize(string? pointer)
    {
        bool inside = pointer != null && At != null && pointer.StartsWith(At, StringComparison.Ordinal) && (pointer.Length == At.Length || pointer[At.Length] == '/');
        return inside ? pointer![At!.Length..] : null;
    }
}
