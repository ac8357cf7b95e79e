using System.Numerics;
using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// SNAT's flows in the table of IPv6 flows, whose entries have room for more than a client: ports and protocol are in
/// <see cref="FlowTable6.Entry.Rest"/>, the destination is in the second half of the address (IPv4) or beside the flow's local port
/// (IPv6). <see cref="FlowRecord.Snat4"/> and <see cref="FlowRecord.Snat6"/> set them apart.
/// </summary>
public static unsafe class SnatFlows
{
    private const int ProtocolShift = 16, PortShift = 32, ServiceShift = 48;

    /// <summary>Whether an entry's or record's service says that the flow is SNAT's.</summary>
    public static bool Is(uint service) => service >= FlowRecord.Snat4;

    /// <summary>Whether a value is of a flow of SNAT, whatever a snapshot says of its server.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Holds(EngineState* state, ulong* value)
    {
        ulong offset = (ulong)value - (ulong)state->Flows6.Buckets;
        return offset < (ulong)state->Flows6.BucketCount * FlowTable6.BucketBytes && Is((uint)(FlowTable6.EntryOf(value)->Rest >> ServiceShift));
    }

    /// <summary>Whether a flow of SNAT has lost its source address, or there is no rule any more: nobody can use it, and one of IPv6 without its local port cannot even be found, as its destination went as well.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsLost(EngineState* state, FlowTable6.Entry* entry) => Is((uint)(entry->Rest >> ServiceShift))
        && (state->View.SnatRuleCount == 0 || LocalPorts.Find(state, &entry->Value, ipVersion: 6) == 0);

    /// <summary>What an entry knows of its flow: protocol, ports, whether it is of IPv4.</summary>
    public static byte ProtocolOf(FlowTable6.Entry* entry) => (byte)(entry->Rest >> ProtocolShift);

    /// <inheritdoc cref="ProtocolOf"/>
    public static ushort ClientPortOf(FlowTable6.Entry* entry) => (ushort)(entry->Rest >> PortShift);

    /// <inheritdoc cref="ProtocolOf"/>
    public static ushort DestinationPortOf(FlowTable6.Entry* entry) => (ushort)entry->Rest;

    /// <inheritdoc cref="ProtocolOf"/>
    public static bool IsIpv4(FlowTable6.Entry* entry) => (uint)(entry->Rest >> ServiceShift) == FlowRecord.Snat4;

    /// <summary>The inside host of an entry.</summary>
    public static SnatAddress ClientOf(FlowTable6.Entry* entry) => IsIpv4(entry) ? new SnatAddress { High = entry->High } : new SnatAddress { High = entry->High, Low = entry->Low };

    /// <summary>Where an entry's flow goes; an IPv6 one whose local port is gone, nowhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SnatAddress DestinationOf(EngineState* state, FlowTable6.Entry* entry)
    {
        if (IsIpv4(entry))
        {
            return new SnatAddress { High = entry->Low };
        }

        uint word = LocalPorts.Find(state, &entry->Value, ipVersion: 6);
        return word == 0 ? default : *state->Ports.DestinationOf(word, ProtocolOf(entry));
    }

    /// <summary>A flow as it is listed, by its entry, and what was read of it; another thread may read along.</summary>
    public static FlowRecord Describe(EngineState* state, FlowTable6.Entry* entry, FlowTable6.Entry read)
    {
        uint word = LocalPorts.Peek(state, &entry->Value, ipVersion: 6);
        SnatAddress client = ClientOf(&read), destination = IsIpv4(&read) ? new SnatAddress { High = read.Low } : word == 0 ? default : *state->Ports.DestinationOf(word, ProtocolOf(&read));
        return new FlowRecord
        {
            ClientHigh = client.High, ClientLow = client.Low, ClientPort = ClientPortOf(&read), DestinationHigh = destination.High, DestinationLow = destination.Low, DestinationPort = DestinationPortOf(&read),
            Protocol = ProtocolOf(&read), IpVersion = (byte)(IsIpv4(&read) ? 4 : 6), Service = (ushort)(read.Rest >> ServiceShift),
            Source = (ushort)(word == 0 ? 0 : LocalPorts.Slot(word)), LocalPort = word == 0 ? (ushort)0 : Wire.Swap(LocalPorts.Port(word)),
        };
    }

    /// <summary>Hash of a flow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint Hash(in SnatTuple t)
    {
        uint hash = BitOperations.Crc32C(BitOperations.Crc32C(uint.MaxValue, Rest(t)), t.Client.High);
        hash = BitOperations.Crc32C(hash, t.Destination.High);
        return t.IpVersion == 4 ? hash : BitOperations.Crc32C(BitOperations.Crc32C(hash, t.Client.Low), t.Destination.Low);
    }

    /// <summary>The flow's entry, or null.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static FlowTable6.Entry* Find(EngineState* state, in SnatTuple t, uint hash)
    {
        FlowTable6.Entry* entry = FindIn(state, state->Flows6.First(hash), t);
        return entry != null ? entry : FindIn(state, state->Flows6.Second(hash), t);
    }

    /// <summary>A place for a new flow; as <see cref="FlowTable6.Insert"/>.</summary>
    internal static FlowTable6.Entry* Insert(EngineState* state, in SnatTuple t, uint hash, out ulong displaced) =>
        state->Flows6.Insert(hash, t.Client.High, Low(t), Rest(t), state->NowMs, out displaced);

    /// <summary>Whether a packet from this address and port is from where the flow of a value goes to.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool IsFrom(EngineState* state, ulong* value, byte protocol, byte* address, byte* port, bool v4)
    {
        FlowTable6.Entry* entry = FlowTable6.EntryOf(value);
        if (ProtocolOf(entry) != protocol || (!SnatTuple.IsEcho(protocol) && DestinationPortOf(entry) != *(ushort*)port) || IsIpv4(entry) != v4)
        {
            return false;
        }

        SnatAddress destination = DestinationOf(state, entry);
        return v4 ? (uint)destination.High == *(uint*)address : destination.High == *(ulong*)address && destination.Low == *(ulong*)(address + 8);
    }

    private static FlowTable6.Entry* FindIn(EngineState* state, FlowTable6.Entry* bucket, in SnatTuple t)
    {
        ulong rest = Rest(t), low = Low(t);
        for (int way = 0; way < FlowTable6.Ways; way++)
        {
            FlowTable6.Entry* entry = bucket + way;
            if (entry->Rest == rest && entry->High == t.Client.High && entry->Low == low && (t.IpVersion == 4 || GoesTo(state, entry, t)))
            {
                return entry;
            }
        }

        return null;
    }

    private static bool GoesTo(EngineState* state, FlowTable6.Entry* entry, in SnatTuple t)
    {
        SnatAddress destination = DestinationOf(state, entry);
        return destination.High == t.Destination.High && destination.Low == t.Destination.Low;
    }

    private static ulong Low(in SnatTuple t) => t.IpVersion == 4 ? t.Destination.High : t.Client.Low;

    private static ulong Rest(in SnatTuple t) =>
        t.DestinationPort | ((ulong)t.Protocol << ProtocolShift) | ((ulong)t.ClientPort << PortShift) | ((ulong)(t.IpVersion == 4 ? FlowRecord.Snat4 : FlowRecord.Snat6) << ServiceShift);
}
