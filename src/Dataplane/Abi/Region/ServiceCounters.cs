using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>What one worker counts for one virtual service (by service slot); single writer.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServiceCounters
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 16;
    /// <summary>Packets that would have opened a flow while the service had its maximum, or each of its servers.</summary>
    public ulong Refused;
    /// <summary>Flows in the table. A slot is used again only after all others: flows of its last user count until their time-out.</summary>
    public uint Connections;
}
