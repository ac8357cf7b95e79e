using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// As <see cref="Nat"/>, and the client's address and port give way to a source address and local port of the director: what
/// the snapshot has ready is one half of the checksum's difference, the flow's the other.
/// </summary>
internal static unsafe class FullNat
{
    /// <summary>From a client to the server. <paramref name="word"/> is the flow's in <see cref="LocalPorts"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToServer(EngineState* state, Burst* burst, int i, TargetEntry* target, ServiceEntry* service, uint word)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        SourceEntry* source = state->View.Sources + LocalPorts.Slot(word);
        ushort port = Wire.Swap(LocalPorts.Port(word));
        bool v4 = burst->Path[i] == PacketPath.Ipv4;
        byte* l4 = v4 ? ip + ((ip[0] & 0xF) * 4) : ip + burst->L4Offset[i];
        uint address = v4 ? Exchange4(ip + 12, (uint)source->High) : Exchange6(ip + 8, source->High, source->Low);
        uint transport = address + (ushort)~*(ushort*)l4 + port;
        *(ushort*)l4 = port;
        Nat.ToServer(burst, i, target, service, address, transport);
    }

    /// <summary>From the server to the client of a flow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToClient(Burst* burst, int i, TargetEntry* target, ServiceEntry* service, ulong* flow)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        bool v4 = PacketPath.Version(burst->Path[i]) == 4;
        byte* l4 = v4 ? ip + ((ip[0] & 0xF) * 4) : ip + burst->L4Offset[i];
        uint address = v4 ? Exchange4(ip + 16, (uint)*FlowTable4.KeyOf(flow)) : Exchange6(ip + 24, FlowTable6.EntryOf(flow)->High, FlowTable6.EntryOf(flow)->Low);
        ushort port = ClientPort(flow, v4);
        uint transport = address + (ushort)~*(ushort*)(l4 + 2) + port;
        *(ushort*)(l4 + 2) = port;
        Nat.ToClient(burst, i, target, service, address, transport);
    }

    /// <summary>An ICMP error: after <see cref="Nat.Error"/> has done its side, the client's or director's side of it. False if its checksum was wrong.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Error(EngineState* state, Burst* burst, int i, TargetEntry* target, ServiceEntry* service, ulong* flow, uint word, uint ipBytes)
    {
        if (!Nat.Error(burst, i, target, service, ipBytes))
        {
            return false;
        }

        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        bool v4 = PacketPath.Version(burst->Path[i]) == 4, toClient = (burst->Path[i] & PacketPath.Reply) != 0;
        SourceEntry* source = state->View.Sources + LocalPorts.Slot(word);
        ushort port = toClient ? ClientPort(flow, v4) : Wire.Swap(LocalPorts.Port(word));
        if (v4)
        {
            byte* icmp = ip + ((ip[0] & 0xF) * 4), quoted = icmp + ClassifyKnown.ErrorBytes, l4 = quoted + ((quoted[0] & 0xF) * 4);
            uint address = toClient ? (uint)*FlowTable4.KeyOf(flow) : (uint)source->High;
            uint delta = Exchange4(quoted + (toClient ? 12 : 16), address);
            *(ushort*)(quoted + 10) = Checksum.Fold((ushort)~*(ushort*)(quoted + 10) + (ulong)delta);
            *(ushort*)(l4 + (toClient ? 0 : 2)) = port;
            if (toClient)
            {
                ProxyTcp.Unquote(LocalPorts.ToldOf(state, flow, ipVersion: 4), l4, version: 4);
                delta = Exchange4(ip + 16, address);
                *(ushort*)(ip + 10) = Checksum.Fold((ushort)~*(ushort*)(ip + 10) + (ulong)delta);
            }

            Nat.SumError4(icmp, (int)ipBytes - (int)(icmp - ip));
            return true;
        }

        byte* icmp6 = ip + burst->L4Offset[i], quoted6 = icmp6 + ClassifyKnown.ErrorBytes;
        (ulong high, ulong low) = toClient ? (FlowTable6.EntryOf(flow)->High, FlowTable6.EntryOf(flow)->Low) : (source->High, source->Low);
        _ = Exchange6(quoted6 + (toClient ? 8 : 24), high, low);
        *(ushort*)(quoted6 + Wire.Ipv6Bytes + (toClient ? 0 : 2)) = port;
        if (toClient)
        {
            ProxyTcp.Unquote(LocalPorts.ToldOf(state, flow, ipVersion: 6), quoted6 + Wire.Ipv6Bytes, version: 6);
            _ = Exchange6(ip + 24, high, low);
        }

        Nat.SumError6(ip, icmp6, (int)ipBytes - burst->L4Offset[i]);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ushort ClientPort(ulong* flow, bool v4) => (ushort)((v4 ? *FlowTable4.KeyOf(flow) : FlowTable6.EntryOf(flow)->Rest) >> 32);

    /// <summary>Writes an address; returns what that adds to a sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Exchange4(byte* at, uint address)
    {
        uint old = ~*(uint*)at;
        *(uint*)at = address;
        return (old & 0xFFFF) + (old >> 16) + (address & 0xFFFF) + (address >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Exchange6(byte* at, ulong high, ulong low)
    {
        uint delta = Words(~*(ulong*)at) + Words(~*(ulong*)(at + 8)) + Words(high) + Words(low);
        (*(ulong*)at, *(ulong*)(at + 8)) = (high, low);
        return delta;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Words(ulong value) => (uint)((value & 0xFFFF) + ((value >> 16) & 0xFFFF) + ((value >> 32) & 0xFFFF) + (value >> 48));
}
