namespace Forwarder.Api;

/// <summary>Answer to every change.</summary>
public sealed record ChangeResult
{
    /// <summary>Generation of the snapshot that carries the change.</summary>
    public ulong Generation { get; set; }

    /// <summary>Whether every worker used it when the answer was sent; false: the dataplane is not running and will take it up when it starts.</summary>
    public bool Applied { get; set; }

    /// <summary>Anything the caller should know.</summary>
    public string? Note { get; set; }
}
