namespace Forwarder.Abi;

/// <summary>State of a neighbour, after RFC 4861 section 7.3.2. Bit 1 (value 2) says that the MAC address is usable.</summary>
public enum NeighbourState : byte
{
    /// <summary>Slot not in use, or nothing asked yet.</summary>
    None = 0,
    /// <summary>Asked, no answer yet.</summary>
    Incomplete = 1,
    /// <summary>Confirmed lately.</summary>
    Reachable = 2,
    /// <summary>Still used while it is asked again (RFC 4861's STALE, DELAY and PROBE).</summary>
    Stale = 3,
    /// <summary>Did not answer.</summary>
    Failed = 4,
}
