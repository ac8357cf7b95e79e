using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A real server of a virtual service, or the way out of a rule of SNAT, by slot.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct ServerEntry
{
    /// <summary>Size in bytes: two entries per cache line.</summary>
    public const int SizeBytes = 32;
    /// <summary><see cref="Valid"/>: flows that are bound to it go on, also at weight 0.</summary>
    public const byte InUse = 1;
    /// <summary><see cref="Valid"/>: weight 0, and flows that are bound to it end with their next packet.</summary>
    public const byte Quiescent = 2;
    /// <summary>Next hop: the word of this slot in the neighbour table says where to send.</summary>
    public uint NextHop;
    /// <summary>Slot of the service that the server belongs to.</summary>
    public ushort Service;
    /// <summary>VLAN id of the egress interface, 0 = untagged.</summary>
    public ushort Vlan;
    /// <summary>Told apart from an earlier user of the same slot; flows carry it.</summary>
    public byte Incarnation;
    /// <summary>0 = not in use, <see cref="InUse"/> or <see cref="Quiescent"/>.</summary>
    public byte Valid;
    /// <summary>Forwarding method.</summary>
    public ForwardingMethod Method;
    /// <summary>Index of the egress port.</summary>
    public byte Port;
    /// <summary>Weight; 0 = no new flows.</summary>
    public ushort Weight;
    /// <summary>Largest IP packet that reaches the server, in bytes: MTU of the egress interface, less what a tunnel adds.</summary>
    public ushort MtuBytes;
    /// <summary>Entry in <see cref="SectionId.Targets"/>; 0 with direct routing.</summary>
    public uint Target;
    /// <summary>Time-outs of its service, see <see cref="ServiceEntry.Timeouts"/>: here they cost no further line.</summary>
    public byte Timeouts;
    /// <summary>Table of states that packets of clients go by: <see cref="StateTableOf"/>.</summary>
    public byte StateTable;
    /// <summary>Of <see cref="ForwardingMethod.SourceNat"/>: entry in <see cref="SectionId.SnatRules"/>.</summary>
    public ushort SnatRule;
    /// <summary>Connections at which it gets no new ones; 0 = no limit.</summary>
    public uint UpperThreshold;
    /// <summary>It gets new ones again with fewer than these; 0 without an upper threshold.</summary>
    public uint LowerThreshold;

    /// <summary>Tables of states: of TCP and UDP where the client alone is heard, the client's and the server's where both are; then SCTP's.</summary>
    public const byte StateTableAlone = 0, StateTableClient = 1, StateTableServer = 2, StateTablesSctp = 3;

    /// <summary>The protocol number of SCTP.</summary>
    private const byte Sctp = 132;

    /// <summary>The table of a server with this method in a service of this protocol.</summary>
    public static byte StateTableOf(ForwardingMethod method, byte protocol) =>
        (byte)((method >= ForwardingMethod.Nat ? StateTableClient : StateTableAlone) + (protocol == Sctp ? StateTablesSctp : 0));

    /// <summary>As IPVS has it: without a lower threshold of its own a server is taken up again below three quarters of the upper one.</summary>
    public void SetThresholds(uint upper, uint lower) =>
        (UpperThreshold, LowerThreshold) = (upper, upper == 0 ? 0 : lower != 0 ? lower : (uint)((((ulong)upper * 3) + 3) / 4));
}
