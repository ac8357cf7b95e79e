namespace Forwarder.Lab;

/// <summary>Routes of a host, as ip(8) takes them, that are there until it is disposed of.</summary>
public sealed class Routes : IDisposable
{
    private readonly Netns _netns;
    private readonly string[] _routes;

    public Routes(Netns netns, params string[] routes)
    {
        (_netns, _routes) = (netns, routes);
        Array.ForEach(routes, r => netns.Ip($"route add {r}"));
    }

    /// <inheritdoc/>
    public void Dispose() => Array.ForEach(_routes, r => _netns.Ip($"route del {r}"));
}
