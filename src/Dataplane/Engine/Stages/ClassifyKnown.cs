using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Classifies what belongs to a flow without being from a client to a VIP: replies of servers behind NAT, and ICMP errors
/// that quote a flow's packet. <see cref="Burst.Key"/> gets the client's half of the key, <see cref="Burst.NextHop"/> of
/// what comes from a server's side the place in the table of server keys. <see cref="SelectKnown"/> goes on with it.
/// </summary>
internal static unsafe class ClassifyKnown
{
    /// <summary>Bytes of an ICMP error before the packet that it quotes (RFC 792, RFC 4443), and of the ports and checksum or length that must be quoted.</summary>
    public const int ErrorBytes = 8, QuotedL4Bytes = 8;

    private const byte Unreachable4 = 3, TimeExceeded4 = 11, ParameterProblem4 = 12, ErrorMax6 = 4;

    /// <summary>Whether a packet is from a server behind NAT.</summary>
    public static bool Reply4(EngineState* state, Burst* burst, int i, byte* ip, byte* l4)
    {
        if (ToSource4(state, burst, i, *(uint*)(ip + 16), *(ushort*)(l4 + 2), PacketPath.Reply, ip[9], ip[9] == Wire.Tcp ? l4[13] : (byte)0))
        {
            return true;
        }

        if (!TryFind4(state, ServiceKey4Entry.Key(*(uint*)(ip + 12), *(ushort*)l4, ip[9]), out uint at))
        {
            return false;
        }

        burst->Path[i] = PacketPath.Ipv4 | PacketPath.Reply;
        burst->TcpFlags[i] = ip[9] == Wire.Tcp ? l4[13] : (byte)0;
        burst->Key[i] = FlowTable4.Key(*(uint*)(ip + 16), *(ushort*)(l4 + 2), 0);
        burst->NextHop[i] = at;
        uint service = state->View.Servers[state->View.ServerKeys4[at].Server].Service;
        burst->Hash[i] = FlowTable4.Hash(state->View.Services[service].HashSalt, burst->Key[i]);
        Sse.Prefetch0(state->Flows4.First(burst->Hash[i]));
        return true;
    }

    /// <summary>As <see cref="Reply4"/>.</summary>
    public static bool Reply6(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, byte protocol)
    {
        burst->L4Offset[i] = (ushort)(l4 - ip);
        if (ToSource6(state, burst, i, ip + 24, *(ushort*)(l4 + 2), PacketPath.Reply, protocol, protocol == Wire.Tcp ? l4[13] : (byte)0))
        {
            return true;
        }

        if (!TryFind6(state, *(ulong*)(ip + 8), *(ulong*)(ip + 16), ServiceKey6Entry.PortAndProtocol(*(ushort*)l4, protocol), out uint at))
        {
            return false;
        }

        burst->Path[i] = PacketPath.Ipv6 | PacketPath.Reply;
        burst->TcpFlags[i] = protocol == Wire.Tcp ? l4[13] : (byte)0;
        burst->Key[i] = FlowTable6.Rest(*(ushort*)(l4 + 2), 0);
        burst->NextHop[i] = at;
        uint service = state->View.Servers[state->View.ServerKeys6[at].Server].Service;
        burst->Hash[i] = FlowTable6.Hash(state->View.Services[service].HashSalt, *(ulong*)(ip + 24), *(ulong*)(ip + 32), *(ushort*)(l4 + 2));
        FlowTable6.Prefetch(state->Flows6.First(burst->Hash[i]));
        return true;
    }

    /// <summary>Whether an ICMP message is an error about a packet of a service, by the addresses and ports that it quotes.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Error4(EngineState* state, Burst* burst, int i, byte* ip, uint headerBytes, uint totalBytes)
    {
        byte* quoted = ip + headerBytes + ErrorBytes;
        if (!IsSoundError4(ip, headerBytes, totalBytes) || !Wire.HasPorts(quoted[9]))
        {
            return false;
        }

        byte* l4 = quoted + ((quoted[0] & 0xF) * 4);
        uint from = *(uint*)(quoted + 12), to = *(uint*)(quoted + 16), at = 0;
        if (*(uint*)(ip + 16) == from && ToSource4(state, burst, i, from, *(ushort*)l4, PacketPath.Error | PacketPath.Reply, quoted[9], 0))
        {
            return true;
        }

        uint service = Classify.FindService4(state, ServiceKey4Entry.Key(from, *(ushort*)l4, quoted[9]));
        if (service != 0 && *(uint*)(ip + 16) == from)
        {
            burst->Path[i] = PacketPath.Ipv4 | PacketPath.Error;
            burst->Key[i] = FlowTable4.Key(to, *(ushort*)(l4 + 2), 0);
        }
        else if (*(uint*)(ip + 16) == from && TryFind4(state, ServiceKey4Entry.Key(to, *(ushort*)(l4 + 2), quoted[9]), out at))
        {
            burst->Path[i] = PacketPath.Ipv4 | PacketPath.Error | PacketPath.Reply;
            burst->Key[i] = FlowTable4.Key(from, *(ushort*)l4, 0);
        }
        else
        {
            return false;
        }

        burst->Service[i] = (ushort)service;
        burst->NextHop[i] = at;
        burst->TcpFlags[i] = 0;
        return true;
    }

    /// <summary>As <see cref="Error4"/>. Quoted packets with extension headers are not followed.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Error6(EngineState* state, Burst* burst, int i, byte* ip, byte* icmp, uint icmpBytes)
    {
        byte* quoted = icmp + ErrorBytes, l4 = quoted + Wire.Ipv6Bytes;
        if (!IsSoundError6(ip, icmp, icmpBytes) || !Wire.HasPorts(quoted[6]))
        {
            return false;
        }

        burst->L4Offset[i] = (ushort)(icmp - ip);
        if (ToSource6(state, burst, i, quoted + 8, *(ushort*)l4, PacketPath.Error | PacketPath.Reply, quoted[6], 0))
        {
            return true;
        }

        uint at = 0;
        uint service = Classify.FindService6(state, *(ulong*)(quoted + 8), *(ulong*)(quoted + 16), ServiceKey6Entry.PortAndProtocol(*(ushort*)l4, quoted[6]));
        if (service != 0)
        {
            burst->Path[i] = PacketPath.Ipv6 | PacketPath.Error;
            burst->Key[i] = FlowTable6.Rest(*(ushort*)(l4 + 2), 0);
        }
        else if (TryFind6(state, *(ulong*)(quoted + 24), *(ulong*)(quoted + 32), ServiceKey6Entry.PortAndProtocol(*(ushort*)(l4 + 2), quoted[6]), out at))
        {
            burst->Path[i] = PacketPath.Ipv6 | PacketPath.Error | PacketPath.Reply;
            burst->Key[i] = FlowTable6.Rest(*(ushort*)l4, 0);
        }
        else
        {
            return false;
        }

        burst->Service[i] = (ushort)service;
        burst->NextHop[i] = at;
        burst->TcpFlags[i] = 0;
        return true;
    }

    /// <summary>Whether an ICMP message is an error that quotes an IPv4 header and 8 bytes of a first fragment or whole packet.</summary>
    internal static bool IsSoundError4(byte* ip, uint headerBytes, uint totalBytes)
    {
        byte* icmp = ip + headerBytes, quoted = icmp + ErrorBytes;
        if (totalBytes < headerBytes + ErrorBytes + Wire.Ipv4Bytes + QuotedL4Bytes || icmp[0] is not (Unreachable4 or TimeExceeded4 or ParameterProblem4))
        {
            return false;
        }

        uint quotedHeaderBytes = (uint)(quoted[0] & 0xF) * 4;
        return (quoted[0] >> 4) == 4 && quotedHeaderBytes >= Wire.Ipv4Bytes && headerBytes + ErrorBytes + quotedHeaderBytes + QuotedL4Bytes <= totalBytes
            && (Wire.Swap(*(ushort*)(quoted + 6)) & 0x1FFF) == 0;
    }

    /// <summary>As <see cref="IsSoundError4"/>, and it is for the sender of what it quotes.</summary>
    internal static bool IsSoundError6(byte* ip, byte* icmp, uint icmpBytes)
    {
        byte* quoted = icmp + ErrorBytes;
        return icmpBytes >= ErrorBytes + Wire.Ipv6Bytes + QuotedL4Bytes && icmp[0] is not (0 or > ErrorMax6) && (quoted[0] >> 4) == 6
            && *(ulong*)(ip + 24) == *(ulong*)(quoted + 8) && *(ulong*)(ip + 32) == *(ulong*)(quoted + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool ToSource4(EngineState* state, Burst* burst, int i, uint address, ushort port, int path, byte protocol, byte tcpFlags)
    {
        LocalAddress4Entry* local = state->View.SourceCount <= 1 ? null : state->View.FindLocal4(address);
        if (local == null || local->Kind != LocalAddressKind.Source)
        {
            return false;
        }

        SetSource(burst, i, PacketPath.Ipv4 | path, local->Source, port, protocol, tcpFlags);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool ToSource6(EngineState* state, Burst* burst, int i, byte* address, ushort port, int path, byte protocol, byte tcpFlags)
    {
        LocalAddress6Entry* local = state->View.SourceCount <= 1 ? null : state->View.FindLocal6(*(ulong*)address, *(ulong*)(address + 8));
        if (local == null || local->Kind != LocalAddressKind.Source)
        {
            return false;
        }

        SetSource(burst, i, PacketPath.Ipv6 | path, local->Source, port, protocol, tcpFlags);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetSource(Burst* burst, int i, int path, uint slot, ushort port, byte protocol, byte tcpFlags)
    {
        burst->Path[i] = (byte)(path | PacketPath.Source);
        burst->TcpFlags[i] = tcpFlags;
        burst->Key[i] = ((ulong)protocol << 32) | (slot << 16) | Wire.Swap(port);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryFind4(EngineState* state, ulong key, out uint at)
    {
        ServerKey4Entry* keys = state->View.ServerKeys4;
        int log2 = state->View.ServerKeys4Log2;
        for (at = Hashes.Slot(key, log2); keys[at].Value != 0; at = (at + 1) & ((1u << log2) - 1))
        {
            if (keys[at].Value == key)
            {
                return true;
            }
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryFind6(EngineState* state, ulong high, ulong low, ulong rest, out uint at)
    {
        ServerKey6Entry* keys = state->View.ServerKeys6;
        int log2 = state->View.ServerKeys6Log2;
        for (at = Hashes.Slot(Hashes.Fold(high, low, rest), log2); keys[at].Rest != 0; at = (at + 1) & ((1u << log2) - 1))
        {
            if (keys[at].Rest == rest && keys[at].Low == low && keys[at].High == high)
            {
                return true;
            }
        }

        return false;
    }
}
