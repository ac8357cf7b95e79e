namespace Forwarder.Fuzz.Tests;

/// <summary>
/// Connections as the second reading counts them against limits. A flow past its time-out is in the engine's table until the
/// sweep has come by, which may be later: what it counts is between the two numbers of each answer.
/// </summary>
public sealed class ConnectionReading
{
    private readonly Dictionary<(int Service, string Client), FlowReading> _live, _ended = [];
    private readonly HashSet<FuzzServer> _surely = [], _perhaps = [];

    public ConnectionReading(Dictionary<(int Service, string Client), FlowReading> live) => _live = live;

    /// <summary>A flow is past its time-out.</summary>
    public void End((int, string) key) => _ended[key] = _live[key];

    /// <summary>A flow's place is taken by one of the same client.</summary>
    public void Replace((int, string) key) => _ended.Remove(key);

    /// <summary>The sweep has been everywhere.</summary>
    public void Swept() => _ended.Clear();

    /// <summary>Housekeeping looks at who is overloaded: set at the upper threshold, gone below the lower one, or three quarters.</summary>
    public void Look()
    {
        foreach (FuzzServer server in FuzzNetwork.Services.SelectMany(s => s.Servers).Where(s => s.Thresholds.Upper != 0))
        {
            (int least, int most) = Count(f => f.Server == server);
            Keep(_surely, server, least);
            Keep(_perhaps, server, most);
        }
    }

    /// <summary>Whether a server takes no more: surely, perhaps.</summary>
    public (bool Surely, bool Perhaps) IsFull(FuzzServer server)
    {
        if (server.Thresholds.Upper == 0)
        {
            return default;
        }

        (int least, int most) = Count(f => f.Server == server);
        return (IsFull(server, least, _surely), IsFull(server, most, _perhaps));
    }

    /// <inheritdoc cref="IsFull(FuzzServer)"/>
    public (bool Surely, bool Perhaps) IsFull(FuzzService service)
    {
        if (service.ConnectionsMax == 0)
        {
            return default;
        }

        (int least, int most) = Count(f => f.Service == service);
        return (least >= service.ConnectionsMax, most >= service.ConnectionsMax);
    }

    private static bool IsFull(FuzzServer server, int connections, HashSet<FuzzServer> overloaded) =>
        connections >= server.Thresholds.Upper || (overloaded.Contains(server) && !IsBelow(server, connections));

    private static bool IsBelow(FuzzServer server, int connections) =>
        server.Thresholds.Lower != 0 ? connections < server.Thresholds.Lower : connections * 4 < server.Thresholds.Upper * 3;

    private static void Keep(HashSet<FuzzServer> overloaded, FuzzServer server, int connections)
    {
        if (connections >= server.Thresholds.Upper)
        {
            overloaded.Add(server);
        }
        else if (IsBelow(server, connections))
        {
            overloaded.Remove(server);
        }
    }

    private (int Least, int Most) Count(Func<FlowReading, bool> which)
    {
        int live = _live.Values.Count(which);
        return (live, live + _ended.Values.Count(which));
    }
}
