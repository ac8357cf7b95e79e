using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>What one worker counts for one real server (by server slot); single writer.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServerCounters
{
    /// <summary>Size in bytes: two entries per cache line.</summary>
    public const int SizeBytes = 32;

    /// <summary>Packets and bytes (from the Ethernet header on) forwarded to the server.</summary>
    public ulong Packets, Bytes;
    /// <summary>Flows ever given to the server (wraps at 2^32; control widens it).</summary>
    public uint Connections;
    /// <summary>Flows in SYN_RECV or ESTABLISHED: IPVS's ActiveConn.</summary>
    public uint ActiveConnections;
    /// <summary>Other flows in the table, all of UDP among them: IPVS's InActConn.</summary>
    public uint InactiveConnections;
    /// <summary>Incarnation of the slot that the two counts above belong to; those of another incarnation count as 0.</summary>
    public byte Incarnation;
    /// <summary>Padding.</summary>
    public byte Reserved;
    /// <summary>Slot of the service that they count for.</summary>
    public ushort Service;
}
