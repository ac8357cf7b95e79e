namespace Forwarder.Abi;

/// <summary>
/// What one worker must know of the others to keep limits of connections, a word for each server slot and then one for each
/// service slot: flows in the other workers' tables (bits 0-30), and whether the server is overloaded (bit 31). Written by
/// housekeeping, and only for those that have a limit.
/// </summary>
public static class OtherConnections
{
    /// <summary>Words of one worker.</summary>
    public const int Words = Limits.ServersMax + Limits.ServicesMax;

    private const uint OverloadedBit = 1u << 31;

    /// <summary>Makes a word.</summary>
    public static uint Pack(ulong connections, bool overloaded) => (uint)Math.Min(connections, Limits.ConnectionsMax) | (overloaded ? OverloadedBit : 0);

    /// <summary>Flows of the other workers.</summary>
    public static uint Count(uint word) => word & ~OverloadedBit;

    /// <summary>Whether the upper threshold was reached, and the lower one not yet again.</summary>
    public static bool IsOverloaded(uint word) => (word & OverloadedBit) != 0;
}
