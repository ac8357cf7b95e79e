using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A virtual service, by slot, or what a rule of SNAT has of one (protocol 0, no key leads to it). Every virtual service has a Maglev table: it also serves flows that the table of flows has no room for.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServiceEntry
{
    /// <summary>Size in bytes: a cache line.</summary>
    public const int SizeBytes = 64;
    /// <summary><see cref="Protocol"/>: TCP, UDP.</summary>
    public const byte Tcp = 6, Udp = 17;
    /// <summary>Value of <see cref="TwoWay"/>.</summary>
    public const byte FullNatAlone = 2;
    /// <summary>First entry in <see cref="SectionId.Maglev"/>.</summary>
    public uint MaglevFirst;
    /// <summary>Entries of the Maglev table (a prime), or 0 when no member has a weight above 0.</summary>
    public uint MaglevSize;
    /// <summary>First entry in <see cref="SectionId.Members"/>.</summary>
    public uint MembersFirst;
    /// <summary>Members, those of weight 0 included.</summary>
    public uint MembersCount;
    /// <summary>Start value of the flow hash: from VIP, protocol and port, so that two directors choose alike.</summary>
    public uint HashSalt;
    /// <summary>1 = in use.</summary>
    public byte Valid;
    /// <summary>Scheduler for new flows.</summary>
    public Scheduler Scheduler;
    /// <summary>6 (TCP), 17 (UDP) or 132 (SCTP).</summary>
    public byte Protocol;
    /// <summary>4 or 6.</summary>
    public byte IpVersion;
    /// <summary>Port, network byte order as it lies in memory.</summary>
    public ushort Port;
    /// <summary>VRRP group of the VIP, see <see cref="Region.Leases"/>; 0 = none.</summary>
    public ushort VrrpGroup;
    /// <summary>Not 0 if the director sees both directions of flows to some of its servers (NAT, FullNAT): all its flows live at their home workers. <see cref="FullNatAlone"/>: all its servers are FullNAT's; 1: some are not.</summary>
    public byte TwoWay;
    /// <summary>Rules of its flows.</summary>
    public ServiceFlags Flags;
    /// <summary>Set of time-outs in <see cref="SectionId.Timeouts"/>.</summary>
    public byte Timeouts;
    /// <summary>How its FullNAT servers learn clients' addresses.</summary>
    public ClientAddressMode ClientAddress;
    /// <summary>Source addresses of its FullNAT servers: first entry in <see cref="SectionId.PoolMembers"/>, and how many.</summary>
    public uint PoolFirst, PoolCount;
    /// <summary>VIP; an IPv4 address is in the low four bytes of <see cref="VipHigh"/> as they lie in memory.</summary>
    public ulong VipHigh, VipLow;
    /// <summary>Connections at which it takes no new ones; 0 = no limit.</summary>
    public uint ConnectionsMax;
}
