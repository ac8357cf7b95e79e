namespace Forwarder.Api;

/// <summary>The dataplane process.</summary>
public sealed record DataplaneView
{
    /// <summary>none, starting, running, stopped, failed, dead.</summary>
    public required string State { get; init; }

    /// <summary>Process id, 0 = none.</summary>
    public int Pid { get; init; }

    /// <summary>Seconds since start.</summary>
    public double UptimeS { get; init; }

    /// <summary>Why it could not start or was refused.</summary>
    public string? Error { get; init; }

    /// <summary>DPDK's version.</summary>
    public string? DpdkVersion { get; init; }

    /// <summary>Sealed against allocation.</summary>
    public bool Sealed { get; init; }

    /// <summary>Must be 0.</summary>
    public ulong AllocatedBytesSinceSeal { get; init; }

    /// <summary>Must be 0.</summary>
    public ulong CollectionsSinceSeal { get; init; }

    /// <summary>Memory is in hugepages.</summary>
    public bool Hugepages { get; init; }

    /// <summary>mbufs.</summary>
    public ulong MbufCount { get; init; }

    /// <summary>mbufs free.</summary>
    public ulong MbufAvailable { get; init; }

    /// <summary>Times that control had to start it again.</summary>
    public int Restarts { get; init; }
}
