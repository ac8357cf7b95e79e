using System.Net;
using Forwarder.Api;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>What can be tracked.</summary>
public enum VrrpTrackKind
{
    Link,
    Neighbour,
    Quorum,
    Route,
    Program,
    Workers,
    Busy,
}

/// <summary>A validated tracked object.</summary>
/// <param name="Kind">Kind.</param>
/// <param name="Settings">As it was given.</param>
public sealed record VrrpTrackModel(VrrpTrackKind Kind, VrrpTrackSettings Settings)
{
    /// <summary>Of a link or neighbour: indices of the interface and its port.</summary>
    public int Interface { get; init; }

    /// <summary>Index of the interface's port.</summary>
    public int Port { get; init; }

    /// <summary>Of a neighbour.</summary>
    public IPAddress? Address { get; init; }

    /// <summary>Of a quorum.</summary>
    public ServiceKey Service { get; init; }

    /// <summary>Of a route.</summary>
    public IPNetwork Destination { get; init; }

    /// <summary>Name.</summary>
    public string Name => Settings.Name;
}

/// <summary>A tracked object as it counts for a group.</summary>
public sealed record VrrpTrackUseModel(VrrpTrackModel Track, VrrpTrackedObject Counts);
