using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>First bytes of a snapshot. All offsets count from the first byte of the header.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct SnapshotHeader
{
    /// <summary>"FWDSNAP1" as a little-endian number.</summary>
    public const ulong MagicValue = 0x3150_414E_5344_5746;
    /// <summary>Version of the layout below; raised with each change.</summary>
    public const uint CurrentVersion = 17;
    /// <summary>Arrays in a snapshot: one per <see cref="SectionId"/>.</summary>
    public const int SectionCount = 23;

    /// <summary><see cref="MagicValue"/>.</summary>
    public ulong Magic;
    /// <summary><see cref="CurrentVersion"/>.</summary>
    public uint Version;
    /// <summary>Bytes of this header.</summary>
    public uint HeaderBytes;
    /// <summary>Bytes of header and sections.</summary>
    public ulong TotalBytes;
    /// <summary>Generation; grows by one with each publication.</summary>
    public ulong Generation;
    /// <summary>XXH3-64 over the whole snapshot with this field 0.</summary>
    public ulong Checksum;
    /// <summary>VRRP groups that VIPs belong to are below this number; 0 = no VIP belongs to a group.</summary>
    public uint VrrpGroupsEnd;
    /// <summary>Servers behind NAT and source addresses of FullNAT and SNAT; 0 = workers have nothing to hand over to each other.</summary>
    public uint TwoWayServers;
    /// <summary>Virtual router MAC addresses; 0 = ports have their own alone.</summary>
    public uint VirtualMacs;
    /// <summary>1 = who sends to a port of a VIP that has no service is told: TCP reset, ICMP port unreachable; 0 = there is no answer.</summary>
    public uint RejectsNoService;
    /// <summary>Where the arrays are.</summary>
    public SectionArray Sections;

    /// <summary>One <see cref="Section"/> per <see cref="SectionId"/>.</summary>
    [InlineArray(SectionCount)]
    public struct SectionArray
    {
        private Section _element0;
    }
}
