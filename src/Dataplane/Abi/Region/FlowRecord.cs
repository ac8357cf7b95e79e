using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A flow as it is listed.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct FlowRecord
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 56;
    /// <summary>In the place of a service's slot: a flow of SNAT, of IPv4 or IPv6. <see cref="Limits.ServicesMax"/> is far below.</summary>
    public const ushort Snat4 = 0xFFFE, Snat6 = 0xFFFF;
    /// <summary>Client's address; an IPv4 address is in the low four bytes of <see cref="ClientHigh"/> as they lie in memory.</summary>
    public ulong ClientHigh, ClientLow;
    /// <summary>Server's slot.</summary>
    public uint Server;
    /// <summary>Milliseconds until the flow expires if it stays idle.</summary>
    public uint RemainingMs;
    /// <summary>Service's slot.</summary>
    public ushort Service;
    /// <summary>Client's port, network byte order as it lies in memory.</summary>
    public ushort ClientPort;
    /// <summary>State of the flow; SCTP's less <see cref="FlowState.Sctp"/>.</summary>
    public FlowState State;
    /// <summary>4 or 6.</summary>
    public byte IpVersion;
    /// <summary>Worker that owns the flow.</summary>
    public byte Worker;
    /// <summary>Incarnation of the server slot that the flow is bound to.</summary>
    public byte Incarnation;
    /// <summary>Whether the flow is to be removed; set by control.</summary>
    public FlowRemoval Removal;
    /// <summary>SNAT: protocol, else 0.</summary>
    public byte Protocol;
    /// <summary>SNAT: destination's port and the flow's local one, as <see cref="ClientPort"/>; with ICMP 0 and the identifier.</summary>
    public ushort DestinationPort, LocalPort;
    /// <summary>SNAT: slot of the source address.</summary>
    public ushort Source;
    /// <summary>SNAT: destination, as <see cref="ClientHigh"/>.</summary>
    public ulong DestinationHigh, DestinationLow;
}
