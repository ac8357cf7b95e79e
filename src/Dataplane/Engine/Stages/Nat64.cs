using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// FullNAT between an IPv6 client and an IPv4 server: headers are made anew in the other family (RFC 7915), transports stay where
/// they are and their checksums follow addresses and ports. No prefix stands for IPv4 addresses: the client sees the VIP, the server a source address.
/// </summary>
internal static unsafe class Nat64
{
    /// <summary>An IPv4 packet of more bytes does not say that it may be divided: RFC 7915 section 5.1.</summary>
    private const int DividedMaxBytes = 1_260;

    private const ushort MoreFragments4 = 0x2000, Reserved6Mask = 0xFFF8;

    /// <summary>Whether clients and server are of different families.</summary>
    public static bool Is(EngineState* state, ServerEntry* server) => server->Method == ForwardingMethod.FullNat && IsTarget(state, server);

    /// <summary>Bytes that an IPv4 packet without options grows by: of a fragment by the fragment header, too.</summary>
    public static uint GrowthBytes(byte* ip4) =>
        Wire.Ipv6Bytes - Wire.Ipv4Bytes + ((*(ushort*)(ip4 + 6) & Wire.Ipv4FragmentMask) != 0 ? Wire.Ipv6FragmentBytes : 0u);

    /// <summary>A request, a reply or an ICMP error. The packet is as it came unless all is well.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static DropReason Translate(EngineState* state, Burst* burst, int i, TargetEntry* target, ServiceEntry* service, ulong* flow, uint word, uint ipBytes)
    {
        bool toClient = (burst->Path[i] & PacketPath.Reply) != 0;
        SourceEntry* source = state->View.Sources + LocalPorts.Slot(word);
        Ends ends = new()
        {
            Client = FlowTable6.EntryOf(flow), Service = service, Target = target, Told = LocalPorts.ToldOf(state, flow, ipVersion: 6), Source4 = (uint)source->High,
            ClientPort = FullNat.ClientPort(flow, v4: false), SourcePort = Wire.Swap(LocalPorts.Port(word)),
        };
        if ((burst->Path[i] & PacketPath.Error) != 0)
        {
            return toClient ? Nat64Errors.ToClient(burst, i, ends, ipBytes) : Nat64Errors.ToServer(state, burst, i, ends, ipBytes);
        }

        return toClient ? ToClient(burst, i, ends, ipBytes) : ToServer(state, burst, i, ends, ipBytes);
    }

    /// <summary>A fragment that is not the first one.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Later(EngineState* state, Burst* burst, int i, FragmentEntry* entry, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        if (burst->Path[i] == PacketPath.Ipv4)
        {
            byte* part = ip + ((ip[0] & 0xF) * 4);
            _ = Header6(burst, i, ip, part, (int)(ip + ipBytes - part), ip[9], entry->NewSourceHigh, entry->NewSourceLow, entry->NewDestinationHigh, entry->NewDestinationLow);
            return;
        }

        byte* fragment = FragmentHeader(ip, ipBytes), data = fragment + Wire.Ipv6FragmentBytes;
        _ = Header4(state, burst, i, ip, data, (int)(ip + ipBytes - data), fragment[0], (uint)entry->NewSourceHigh, (uint)entry->NewDestinationHigh, fragment);
    }

    /// <summary>Writes an IPv4 header before a transport that has had an IPv6 header (RFC 7915 section 5.1); the frame begins later. Returns the header.</summary>
    /// <param name="state">Where identifications come from.</param>
    /// <param name="burst">The burst.</param>
    /// <param name="i">The packet.</param>
    /// <param name="ip">Its IPv6 header.</param>
    /// <param name="l4">What comes behind all headers that are taken off.</param>
    /// <param name="bytes">Bytes from there on.</param>
    /// <param name="protocol">What that is.</param>
    /// <param name="source">Source address.</param>
    /// <param name="destination">Destination address.</param>
    /// <param name="fragment">The fragment header, or null.</param>
    public static byte* Header4(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, int bytes, byte protocol, uint source, uint destination, byte* fragment)
    {
        uint trafficClass = TrafficClass(ip), hopLimit = ip[7] - 1u, flags;
        ushort identification;
        if (fragment != null)
        {
            uint word = Wire.Swap(*(ushort*)(fragment + 2));
            flags = Wire.Swap((ushort)(((word & Reserved6Mask) >> 3) | ((word & 1) != 0 ? MoreFragments4 : 0u)));
            identification = *(ushort*)(fragment + 6); // its lower half
        }
        else
        {
            identification = Wire.Swap(++state->TunnelId);
            flags = bytes + Wire.Ipv4Bytes > DividedMaxBytes ? Wire.Ipv4DontFragment : 0u;
        }

        Tunnel.Shift(burst, i, (int)(ip - (l4 - Wire.Ipv4Bytes)), Wire.Ipv4);
        byte* to = l4 - Wire.Ipv4Bytes;
        _ = IpHeader.Write4(to, trafficClass, Wire.Ipv4Bytes + bytes, identification | (flags << 16), hopLimit, protocol, source, destination);
        return to;
    }

    /// <summary>Writes an IPv6 header, of a fragment with a fragment header (RFC 7915 section 4.1); the frame begins earlier. As <see cref="Header4"/>.</summary>
    public static byte* Header6(Burst* burst, int i, byte* ip, byte* l4, int bytes, byte protocol, ulong sourceHigh, ulong sourceLow, ulong destinationHigh, ulong destinationLow)
    {
        uint trafficClass = ip[1], hopLimit = ip[8] - 1u, word = Wire.Swap(*(ushort*)(ip + 6));
        bool isFragment = (word & Wire.Swap(Wire.Ipv4FragmentMask)) != 0;
        ushort identification = *(ushort*)(ip + 4);
        byte* to = l4 - Wire.Ipv6Bytes - (isFragment ? Wire.Ipv6FragmentBytes : 0);
        Tunnel.Shift(burst, i, (int)(ip - to), Wire.Ipv6);
        if (isFragment)
        {
            byte* fragment = l4 - Wire.Ipv6FragmentBytes;
            *(uint*)fragment = protocol | ((uint)Wire.Swap((ushort)(((word & 0x1FFF) << 3) | ((word & MoreFragments4) != 0 ? 1u : 0))) << 16);
            *(uint*)(fragment + 4) = (uint)identification << 16;
            (bytes, protocol) = (bytes + Wire.Ipv6FragmentBytes, Wire.Fragment);
        }

        _ = IpHeader.Write6(to, trafficClass, bytes, protocol, hopLimit, sourceHigh, sourceLow, destinationHigh, destinationLow);
        return to;
    }

    /// <summary>Traffic class of an IPv6 header.</summary>
    public static uint TrafficClass(byte* ip6) => (uint)((ip6[0] << 4) | (ip6[1] >> 4)) & 0xFF;

    private static DropReason ToServer(EngineState* state, Burst* burst, int i, in Ends ends, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + burst->L4Offset[i];
        byte* fragment = ((burst->Fragments >> i) & 1) != 0 ? FragmentHeader(ip, ipBytes) : null;
        if (fragment != null && fragment + Wire.Ipv6FragmentBytes != l4)
        {
            return DropReason.NoTranslation;
        }

        uint delta = Words(~*(ulong*)(ip + 8), ~*(ulong*)(ip + 16)) + Words(~*(ulong*)(ip + 24), ~*(ulong*)(ip + 32)) + Words(ends.Source4, ends.Target->AddressHigh)
            + (ushort)~*(ushort*)l4 + (ushort)~*(ushort*)(l4 + 2) + ends.SourcePort + ends.Target->Port;
        (*(ushort*)l4, *(ushort*)(l4 + 2)) = (ends.SourcePort, ends.Target->Port);
        Nat.Transport(l4, ends.Service->Protocol, delta);
        _ = Header4(state, burst, i, ip, l4, (int)(ip + ipBytes - l4), ends.Service->Protocol, ends.Source4, (uint)ends.Target->AddressHigh, fragment);
        return DropReason.None;
    }

    private static DropReason ToClient(Burst* burst, int i, in Ends ends, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + ((ip[0] & 0xF) * 4);
        byte protocol = ends.Service->Protocol;
        bool isFragment = (*(ushort*)(ip + 6) & Wire.Ipv4FragmentMask) != 0, hasNone = protocol == Wire.Udp && *(ushort*)(l4 + Wire.UdpChecksumOffset) == 0;
        if (hasNone && isFragment)
        {
            return DropReason.NoTranslation; // RFC 7915 section 4.5
        }

        FlowTable6.Entry* client = ends.Client;
        ServiceEntry* service = ends.Service;
        uint delta = Words(~(ulong)*(uint*)(ip + 12) & uint.MaxValue, ~(ulong)*(uint*)(ip + 16) & uint.MaxValue) + Words(service->VipHigh, service->VipLow) + Words(client->High, client->Low)
            + (ushort)~*(ushort*)l4 + (ushort)~*(ushort*)(l4 + 2) + service->Port + ends.ClientPort;
        (*(ushort*)l4, *(ushort*)(l4 + 2)) = (service->Port, ends.ClientPort);
        Nat.Transport(l4, protocol, delta);
        int bytes = (int)(ip + ipBytes - l4);
        byte* to = Header6(burst, i, ip, l4, bytes, protocol, service->VipHigh, service->VipLow, client->High, client->Low);
        if (hasNone)
        {
            int udpBytes = Wire.Swap(*(ushort*)(l4 + 4)); // IPv6 wants one: RFC 7915 section 4.5
            *(ushort*)(l4 + Wire.UdpChecksumOffset) = Checksum.FoldUdp(Checksum.Sum(l4, udpBytes, Checksum.PseudoHeader6(to, udpBytes, Wire.Udp)));
        }

        return DropReason.None;
    }

    /// <summary>The fragment header of a packet that has been found to have one.</summary>
    private static byte* FragmentHeader(byte* ip, uint ipBytes)
    {
        byte* l4 = ip + Wire.Ipv6Bytes;
        uint bytes = ipBytes - Wire.Ipv6Bytes;
        byte protocol = ip[6];
        _ = Classify.SkipExtensions(ref l4, ref bytes, ref protocol, out byte* fragment);
        return fragment;
    }

    private static bool IsTarget(EngineState* state, ServerEntry* server) => state->View.Targets[server->Target].IpVersion != state->View.Services[server->Service].IpVersion;

    private static uint Words(ulong high, ulong low) => FullNat.Words(high) + FullNat.Words(low);

    /// <summary>What a flow's packets have as addresses and ports on either side; in network byte order as they lie in memory.</summary>
    internal ref struct Ends
    {
        /// <summary>The client, by its flow.</summary>
        public FlowTable6.Entry* Client;
        /// <summary>VIP and port.</summary>
        public ServiceEntry* Service;
        /// <summary>Server's address and port.</summary>
        public TargetEntry* Target;
        /// <summary>What the server knows of the client's address.</summary>
        public AddressTold* Told;
        /// <summary>Source address, local port, client's port.</summary>
        public uint Source4;
        public ushort SourcePort, ClientPort;
    }
}
