namespace Forwarder.Api;

/// <summary>Something whose state counts in the election of the VRRP groups that refer to it. Members that a kind does not have are refused.</summary>
public sealed record VrrpTrackSettings
{
    /// <summary>Name, unique: letters, digits, '.', '-' and '_', at most 63.</summary>
    public required string Name { get; init; }

    /// <summary>
    /// "link": the port of <see cref="Interface"/> has a link. "neighbour": <see cref="Address"/> answers on <see cref="Interface"/>.
    /// "quorum": <see cref="Service"/> has <see cref="Quorum"/> usable real servers. "route": the host's kernel has a route to
    /// <see cref="Destination"/>. "program": <see cref="Command"/> exits with 0. "workers": all workers turn. "busy": no worker
    /// is busier than <see cref="BusyPercent"/>.
    /// </summary>
    public required string Kind { get; init; }

    /// <summary>-253 to 253. 0: down is a fault; above 0: added while up; below 0: subtracted while down.</summary>
    public int Weight { get; set; }

    /// <summary>Turns the direction round; with weight 0 it is a fault to be up.</summary>
    public bool Reverse { get; set; }

    /// <summary>Of "link" and "neighbour": name of the interface.</summary>
    public string? Interface { get; set; }

    /// <summary>Of "neighbour": an address in a network of the interface. It is asked for once a second, and down after three questions without an answer.</summary>
    public string? Address { get; set; }

    /// <summary>Of "quorum": id of a virtual service; one that does not exist has no server.</summary>
    public string? Service { get; set; }

    /// <summary>Of "quorum": real servers with a weight above 0 that are needed, from 1.</summary>
    public int? Quorum { get; set; }

    /// <summary>Of "route": network with its prefix, as in the kernel's main table ("0.0.0.0/0").</summary>
    public string? Destination { get; set; }

    /// <summary>Of "program": absolute path and arguments.</summary>
    public IReadOnlyList<string>? Command { get; set; }

    /// <summary>Of "program": user as whom it runs; null = control's.</summary>
    public string? User { get; set; }

    /// <summary>Of "program": time from start to start in ms, 100 to 3,600,000; null = 1,000.</summary>
    public int? IntervalMs { get; set; }

    /// <summary>Of "program": it is killed, and has failed, after so many ms; null = <see cref="IntervalMs"/>.</summary>
    public int? TimeoutMs { get; set; }

    /// <summary>Of "program": successes in a row to come up; null = 1.</summary>
    public int? Rise { get; set; }

    /// <summary>Of "program": failures in a row to go down; null = 1.</summary>
    public int? Fall { get; set; }

    /// <summary>Of "program": down until it has succeeded; otherwise up until it has failed.</summary>
    public bool? InitFail { get; set; }

    /// <summary>Of "busy": share of a worker's turns that find packets, 1 to 100 %.</summary>
    public int? BusyPercent { get; set; }

    /// <summary>Of "busy": time over which the share is taken in ms, 1,000 to 3,600,000; null = 10,000.</summary>
    public int? WindowMs { get; set; }
}
