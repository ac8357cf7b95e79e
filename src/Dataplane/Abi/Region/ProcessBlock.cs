using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>What the dataplane process (its housekeeping thread) tells the world.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ProcessBlock
{
    /// <summary>Size in bytes: a page.</summary>
    public const int SizeBytes = 4096;

    /// <summary>Process id.</summary>
    public uint Pid;
    /// <summary>State; release-stored after the fields that belong to it.</summary>
    public ProcessState State;
    /// <summary>CLOCK_MONOTONIC at start, nanoseconds.</summary>
    public ulong StartedNs;
    /// <summary>CLOCK_MONOTONIC in ns at the start of the last round of housekeeping that emptied all exception ports.</summary>
    public ulong HeartbeatNs;
    /// <summary>1 once the process is sealed against allocation.</summary>
    public uint Sealed;
    /// <summary>Ports in use.</summary>
    public uint PortCount;
    /// <summary>Bytes allocated on the managed heap and collections run by the whole process since the seal. Both must stay 0.</summary>
    public ulong AllocatedBytesSinceSeal, CollectionsSinceSeal;
    /// <summary>mbufs in the pools: all, and those free now.</summary>
    public ulong MbufCount, MbufAvailable;
    /// <summary>1 when the memory is in hugepages.</summary>
    public uint Hugepages;
    /// <summary>Padding.</summary>
    public uint Reserved;
    /// <summary>What the slow path did.</summary>
    public SlowPathCounters SlowPath;
    /// <summary>Packets that housekeeping lost, by reason.</summary>
    public DropCounters Drops;
    /// <summary>Why the process could not start, UTF-8, zero-terminated.</summary>
    public ErrorTextBytes ErrorText;
    /// <summary>DPDK's version string, UTF-8, zero-terminated.</summary>
    public NameBytes DpdkVersion;

    /// <summary>Text of <see cref="Limits.ErrorTextBytesMax"/> bytes.</summary>
    [InlineArray(Limits.ErrorTextBytesMax)]
    public struct ErrorTextBytes
    {
        private byte _element0;
    }
}
