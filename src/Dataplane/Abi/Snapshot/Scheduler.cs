namespace Forwarder.Abi;

/// <summary>How a real server is chosen for a new flow.</summary>
public enum Scheduler : byte
{
    /// <summary>Maglev consistent hashing (IPVS: mh).</summary>
    Maglev = 0,
    /// <summary>Weighted least connections, by the worker's own counts (IPVS: wlc).</summary>
    Wlc = 1,
}
