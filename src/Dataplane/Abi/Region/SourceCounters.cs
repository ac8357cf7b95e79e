using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>What one worker counts for one source address of FullNAT and SNAT (by source slot); single writer.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct SourceCounters
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 16;
    /// <summary>Local ports in use, TCP's and UDP's together.</summary>
    public ulong PortsInUse;
    /// <summary>Flows that found no free port on any address of the pool that begins with this one.</summary>
    public ulong Exhausted;
}
