namespace Forwarder.Api;

/// <summary>The dataplane process.</summary>
public sealed record DataplaneView
{
    /// <summary>none, starting, running, stopped, failed, dead.</summary>
    public required string State { get; init; }

    /// <summary>Process id, 0 = none.</summary>
    public int Pid { get; set; }

    /// <summary>Seconds since start.</summary>
    public double UptimeS { get; set; }

    /// <summary>Why it could not start or was refused.</summary>
    public string? Error { get; set; }

    /// <summary>DPDK's version.</summary>
    public string? DpdkVersion { get; set; }

    /// <summary>Sealed against allocation.</summary>
    public bool Sealed { get; set; }

    /// <summary>Must be 0.</summary>
    public ulong AllocatedBytesSinceSeal { get; set; }

    /// <summary>Must be 0.</summary>
    public ulong CollectionsSinceSeal { get; set; }

    /// <summary>Memory is in hugepages.</summary>
    public bool Hugepages { get; set; }

    /// <summary>mbufs.</summary>
    public ulong MbufCount { get; set; }

    /// <summary>mbufs free.</summary>
    public ulong MbufAvailable { get; set; }

    /// <summary>Times that control had to start it again.</summary>
    public int Restarts { get; set; }
}
