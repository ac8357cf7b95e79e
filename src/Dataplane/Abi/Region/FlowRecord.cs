using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A flow as it is listed.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct FlowRecord
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 40;
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
}
