using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// First stage: reads the headers and finds the virtual service. After it a packet is dropped, punted, or carries its
/// service, flow key and hash, and the flow's bucket is on its way into the cache.
/// </summary>
public static unsafe class Classify
{
    /// <summary>Classifies the whole burst.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Run(EngineState* state, Burst* burst)
    {
        ulong ownMac = state->PortMac[burst->Ingress];
        burst->Fragments = 0;
        for (int i = 0; i < burst->Count; i++)
        {
            byte* frame = (byte*)burst->Frame[i];
            uint length = burst->Length[i];
            burst->Verdicts[i] = (byte)Verdict.None;
            if (length < Wire.EthernetBytes)
            {
                burst->Drop(i, DropReason.Truncated);
                continue;
            }

            ulong mac = *(ulong*)frame & Wire.MacMask;
            ushort etherType = *(ushort*)(frame + 12);
            uint l3 = Wire.EthernetBytes;
            uint vlan = 0;
            if (etherType == Wire.Vlan)
            {
                if (length < Wire.EthernetBytes + Wire.VlanTagBytes)
                {
                    burst->Drop(i, DropReason.Truncated);
                    continue;
                }

                vlan = BinaryPrimitives.ReverseEndianness(*(ushort*)(frame + 14)) & 0xFFFu;
                etherType = *(ushort*)(frame + 16);
                l3 += Wire.VlanTagBytes;
            }

            burst->Vlan[i] = (ushort)vlan;
            burst->L3Offset[i] = (byte)l3;
            if (mac != ownMac)
            {
                // Broadcast and multicast are for the slow path (ARP, ND, the host); other unicast is not ours, but for virtual MACs.
                if ((mac & Wire.MacGroupBit) != 0)
                {
                    burst->Verdicts[i] = (byte)Verdict.Punt;
                }
                else if (state->UsesVirtualMacs != 0)
                {
                    VirtualMac(state, burst, i, mac, etherType);
                }
                else
                {
                    burst->Drop(i, DropReason.NotOurMac);
                }
            }
            else if (etherType == Wire.Ipv4)
            {
                Ipv4(state, burst, i, frame + l3, length - l3);
            }
            else if (etherType == Wire.Ipv6)
            {
                Ipv6(state, burst, i, frame + l3, length - l3);
            }
            else
            {
                burst->Verdicts[i] = (byte)Verdict.Punt;
            }
        }
    }

    /// <summary>
    /// A frame to a unicast address that is not the port's. A virtual MAC address is ours while its VRRP group is, and takes what
    /// is for VIPs and replies of servers that have a VIP as their gateway; it is no way to the host.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void VirtualMac(EngineState* state, Burst* burst, int i, ulong mac, ushort etherType)
    {
        uint group = state->View.FindVirtualMac(VirtualMacEntry.MakeKey(mac, burst->Vlan[i], (uint)burst->Ingress));
        if (group == 0 || !state->Owns(group))
        {
            burst->Drop(i, group == 0 ? DropReason.NotOurMac : DropReason.VipNotOwned);
            return;
        }

        byte* l3 = (byte*)burst->Frame[i] + burst->L3Offset[i];
        uint room = burst->Length[i] - burst->L3Offset[i];
        bool vip = false;
        switch (etherType)
        {
            case Wire.Ipv4:
                Ipv4(state, burst, i, l3, room);
                vip = burst->Verdicts[i] == (byte)Verdict.Punt && IsVip4(state, *(uint*)(l3 + 16));
                break;
            case Wire.Ipv6:
                Ipv6(state, burst, i, l3, room);
                vip = burst->Verdicts[i] == (byte)Verdict.Punt && IsVip6(state, *(ulong*)(l3 + 24), *(ulong*)(l3 + 32));
                break;
            default:
                // Neighbours ask again by unicast whether a VIP is still there (RFC 1122 section 2.3.2.1).
                burst->Verdicts[i] = (byte)Verdict.Punt;
                vip = etherType == Wire.Arp && room >= NeighbourMessages.ArpBytes && IsVip4(state, *(uint*)(l3 + 24));
                break;
        }

        if (burst->Verdicts[i] == (byte)Verdict.Punt && !vip)
        {
            burst->Drop(i, DropReason.NotOurMac);
        }
    }

    private static bool IsVip4(EngineState* state, uint address)
    {
        LocalAddress4Entry* local = state->View.FindLocal4(address);
        return local != null && local->Kind == LocalAddressKind.Vip;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ipv4(EngineState* state, Burst* burst, int i, byte* ip, uint room)
    {
        if (room < Wire.Ipv4Bytes)
        {
            burst->Drop(i, DropReason.Truncated);
            return;
        }

        uint headerBytes = (uint)(ip[0] & 0xF) * 4;
        uint totalBytes = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2));
        if ((ip[0] >> 4) != 4 || headerBytes < Wire.Ipv4Bytes || totalBytes < headerBytes || totalBytes > room || burst->ChecksumBad[i] != 0)
        {
            burst->Drop(i, Ipv4Fault(ip, headerBytes, totalBytes, room));
            return;
        }

        byte protocol = ip[9];
        if ((*(ushort*)(ip + 6) & Wire.Ipv4FragmentMask) != 0 || (protocol != Wire.Tcp && protocol != Wire.Udp))
        {
            Ipv4WithoutPorts(state, burst, i, ip, headerBytes, totalBytes);
            return;
        }

        byte* l4 = ip + headerBytes;
        uint l4Bytes = totalBytes - headerBytes;
        if (!IsL4Sound(l4, l4Bytes, protocol))
        {
            burst->Drop(i, DropReason.L4HeaderBad);
            return;
        }

        Ports4(state, burst, i, ip, l4, protocol);
    }

    /// <summary>SCTP, whole: the common header and a chunk's must be there.</summary>
    private static void Sctp4(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, uint l4Bytes)
    {
        if (l4Bytes < Wire.SctpBytes)
        {
            burst->Drop(i, DropReason.L4HeaderBad);
            return;
        }

        Ports4(state, burst, i, ip, l4, Wire.Sctp);
        burst->TcpFlags[i] = SctpEvent.Of(l4, l4Bytes);
    }

    /// <summary>What has ports: a client's packet for a service, or anything else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Ports4(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, byte protocol)
    {
        ushort clientPort = *(ushort*)l4;
        uint service = FindService4(state, ServiceKey4Entry.Key(*(uint*)(ip + 16), *(ushort*)(l4 + 2), protocol));
        if (service == 0)
        {
            NoService4(state, burst, i, ip, l4);
            return;
        }

        ServiceEntry* entry = state->View.Services + service;
        if (!state->Owns(entry->VrrpGroup))
        {
            burst->Drop(i, DropReason.VipNotOwned);
            return;
        }

        ulong key = FlowTable4.Key(*(uint*)(ip + 12), clientPort, service);
        uint hash = FlowTable4.Hash(entry->HashSalt, key);
        Sse.Prefetch0(state->Flows4.First(hash));
        burst->TcpFlags[i] = protocol == Wire.Tcp ? l4[13] : (byte)0;
        burst->Path[i] = PacketPath.Ipv4;
        burst->Service[i] = (ushort)service;
        burst->Key[i] = key;
        burst->Hash[i] = hash;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsL4Sound(byte* l4, uint l4Bytes, byte protocol)
    {
        if (protocol == Wire.Tcp)
        {
            uint dataOffset = l4Bytes >= Wire.TcpBytes ? (uint)(l4[12] >> 4) * 4 : 0;
            return dataOffset >= Wire.TcpBytes && dataOffset <= l4Bytes;
        }

        if (protocol == Wire.Sctp)
        {
            return l4Bytes >= Wire.SctpBytes;
        }

        uint udpBytes = l4Bytes >= Wire.UdpBytes ? BinaryPrimitives.ReverseEndianness(*(ushort*)(l4 + 4)) : 0u;
        return udpBytes >= Wire.UdpBytes && udpBytes <= l4Bytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint FindService4(EngineState* state, ulong key)
    {
        ServiceKey4Entry* keys = state->View.ServiceKeys4;
        int log2 = state->View.ServiceKeys4Log2;
        uint mask = (1u << log2) - 1;
        for (uint at = Hashes.Slot(key, log2); ; at = (at + 1) & mask)
        {
            ulong value = keys[at].Value;
            if (value == key)
            {
                return keys[at].Service;
            }

            if (value == 0)
            {
                return 0;
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static DropReason Ipv4Fault(byte* ip, uint headerBytes, uint totalBytes, uint room)
    {
        if ((ip[0] >> 4) != 4)
        {
            return DropReason.IpVersionBad;
        }

        if (headerBytes < Wire.Ipv4Bytes || headerBytes > room)
        {
            return DropReason.Ipv4HeaderLengthBad;
        }

        return totalBytes < headerBytes || totalBytes > room ? DropReason.IpLengthBad : DropReason.Ipv4ChecksumBad;
    }

    /// <summary>Fragments, SCTP and transports without ports: for a VIP of these only ICMP goes on, to the slow path; what is not for a VIP goes to the host.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Ipv4WithoutPorts(EngineState* state, Burst* burst, int i, byte* ip, uint headerBytes, uint totalBytes)
    {
        bool fragment = (*(ushort*)(ip + 6) & Wire.Ipv4FragmentMask) != 0, icmp = ip[9] == Wire.Icmp;
        if (fragment && Wire.HasPorts(ip[9]))
        {
            ClassifyFragment.Ipv4(state, burst, i, ip, headerBytes, totalBytes);
            return;
        }

        if (ip[9] == Wire.Sctp)
        {
            Sctp4(state, burst, i, ip, ip + headerBytes, totalBytes - headerBytes);
            return;
        }

        if (icmp && !fragment && (ClassifyKnown.Error4(state, burst, i, ip, headerBytes, totalBytes) || ClassifySnat.TryMarkIcmp4(state, burst, i, ip, headerBytes, totalBytes)))
        {
            return;
        }

        WithoutPorts(burst, i, state->View.IsForVirtual(ip, out _, out _), icmp, fragment);
    }

    private static void WithoutPorts(Burst* burst, int i, bool vip, bool icmp, bool fragment)
    {
        if (vip && fragment)
        {
            burst->Drop(i, DropReason.Fragment);
        }
        else if (vip && !icmp)
        {
            burst->Drop(i, DropReason.ProtocolUnsupported);
        }
        else
        {
            burst->Verdicts[i] = (byte)Verdict.Punt;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void NoService4(EngineState* state, Burst* burst, int i, byte* ip, byte* l4)
    {
        if (!ClassifyKnown.Reply4(state, burst, i, ip, l4))
        {
            NoServiceOrHost(state, burst, i, ip, l4, ip[9]);
        }
    }

    private static void NoServiceOrHost(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, byte protocol)
    {
        if (state->View.IsForVirtual(ip, out uint group, out _))
        {
            NoService(state, burst, i, group);
        }
        else if (!ClassifySnat.TryMark(state, burst, i, ip, l4, protocol))
        {
            burst->Verdicts[i] = (byte)Verdict.Punt;
        }
    }

    /// <summary>A packet to a VIP of this VRRP group (or none, 0) that no service takes. What a backup hears is its owner's to refuse.</summary>
    internal static void NoService(EngineState* state, Burst* burst, int i, uint group)
    {
        if (!state->Owns(group))
        {
            burst->Drop(i, DropReason.VipNotOwned);
        }
        else
        {
            burst->Unserved(i, DropReason.NoService, state->View.Header->RejectsNoService != 0);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Ipv6(EngineState* state, Burst* burst, int i, byte* ip, uint room)
    {
        if (room < Wire.Ipv6Bytes)
        {
            burst->Drop(i, DropReason.Truncated);
            return;
        }

        uint payloadBytes = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 4));
        if ((ip[0] >> 4) != 6 || payloadBytes > room - Wire.Ipv6Bytes)
        {
            burst->Drop(i, (ip[0] >> 4) != 6 ? DropReason.IpVersionBad : DropReason.IpLengthBad);
            return;
        }

        byte protocol = ip[6];
        if (protocol != Wire.Tcp && protocol != Wire.Udp)
        {
            Ipv6WithExtensions(state, burst, i, ip, payloadBytes);
            return;
        }

        byte* l4 = ip + Wire.Ipv6Bytes;
        if (!IsL4Sound(l4, payloadBytes, protocol))
        {
            burst->Drop(i, DropReason.L4HeaderBad);
            return;
        }

        Ports6(state, burst, i, ip, l4, protocol);
    }

    /// <summary>What begins with neither TCP nor UDP: extension headers, fragments, SCTP, ICMPv6, transports without ports.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Ipv6WithExtensions(EngineState* state, Burst* burst, int i, byte* ip, uint payloadBytes)
    {
        byte protocol = ip[6];
        byte* l4 = ip + Wire.Ipv6Bytes;
        if (!SkipExtensions(ref l4, ref payloadBytes, ref protocol, out byte* fragment))
        {
            // RFC 7112 section 5: the whole chain must be in the first fragment.
            burst->Drop(i, fragment == null ? DropReason.Ipv6ExtensionBad : DropReason.FragmentTiny);
            return;
        }

        if (protocol == Wire.Icmpv6 && fragment == null && (ClassifyKnown.Error6(state, burst, i, ip, l4, payloadBytes) || ClassifySnat.TryMarkIcmp6(state, burst, i, ip, l4, payloadBytes)))
        {
            return;
        }

        if (fragment != null && (Wire.HasPorts(protocol) || IsExtension(protocol)))
        {
            ClassifyFragment.Ipv6(state, burst, i, ip, fragment, l4, payloadBytes, protocol);
            return;
        }

        if (!Wire.HasPorts(protocol))
        {
            WithoutPorts(burst, i, state->View.IsForVirtual(ip, out _, out _), protocol == Wire.Icmpv6, fragment != null);
            return;
        }

        if (!IsL4Sound(l4, payloadBytes, protocol))
        {
            burst->Drop(i, DropReason.L4HeaderBad);
            return;
        }

        Ports6(state, burst, i, ip, l4, protocol);
        if (protocol == Wire.Sctp)
        {
            burst->TcpFlags[i] = SctpEvent.Of(l4, payloadBytes);
        }
    }

    /// <summary>As <see cref="Ports4"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Ports6(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, byte protocol)
    {
        ulong high = *(ulong*)(ip + 24), low = *(ulong*)(ip + 32);
        uint service = FindService6(state, high, low, ServiceKey6Entry.PortAndProtocol(*(ushort*)(l4 + 2), protocol));
        if (service == 0)
        {
            NoService6(state, burst, i, ip, l4, protocol);
            return;
        }

        ServiceEntry* entry = state->View.Services + service;
        if (!state->Owns(entry->VrrpGroup))
        {
            burst->Drop(i, DropReason.VipNotOwned);
            return;
        }

        ushort clientPort = *(ushort*)l4;
        uint hash = FlowTable6.Hash(entry->HashSalt, *(ulong*)(ip + 8), *(ulong*)(ip + 16), clientPort);
        FlowTable6.Prefetch(state->Flows6.First(hash));
        burst->TcpFlags[i] = protocol == Wire.Tcp ? l4[13] : (byte)0;
        burst->Path[i] = PacketPath.Ipv6;
        burst->L4Offset[i] = (ushort)(l4 - ip);
        burst->Service[i] = (ushort)service;
        burst->Key[i] = FlowTable6.Rest(clientPort, service);
        burst->Hash[i] = hash;
    }

    private static void NoService6(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, byte protocol)
    {
        if (!ClassifyKnown.Reply6(state, burst, i, ip, l4, protocol))
        {
            NoServiceOrHost(state, burst, i, ip, l4, protocol);
        }
    }

    private static bool IsVip6(EngineState* state, ulong high, ulong low)
    {
        LocalAddress6Entry* local = state->View.FindLocal6(high, low);
        return local != null && local->IsVirtual;
    }

    /// <summary>
    /// Walks the extension headers (RFC 8200 section 4), of a later fragment those that are before its payload. False if they
    /// are cut off or too many. <paramref name="fragment"/> is the fragment header, null if there is none.
    /// </summary>
    internal static bool SkipExtensions(ref byte* l4, ref uint bytes, ref byte protocol, out byte* fragment)
    {
        fragment = null;
        for (int n = 0; n < Wire.Ipv6ExtensionsMax; n++)
        {
            if (!IsExtension(protocol))
            {
                return true;
            }

            uint extensionBytes = bytes < 8 ? 0 : protocol == Wire.Fragment ? Wire.Ipv6FragmentBytes : ((uint)l4[1] + 1) * 8;
            if (extensionBytes == 0 || extensionBytes > bytes)
            {
                return false;
            }

            byte* header = l4;
            bool isFragmentHeader = protocol == Wire.Fragment;
            protocol = l4[0];
            l4 += extensionBytes;
            bytes -= extensionBytes;

            // An atomic fragment (offset 0, no more) is a whole packet: RFC 6946.
            uint word = isFragmentHeader ? Wire.Swap(*(ushort*)(header + 2)) & 0xFFF9u : 0;
            if (word == 0)
            {
                continue;
            }

            if (fragment != null)
            {
                return false; // a fragment of a fragment
            }

            fragment = header;
            if (word > 1)
            {
                return true;
            }
        }

        return !IsExtension(protocol);
    }

    private static bool IsExtension(byte protocol) => protocol is Wire.HopByHop or Wire.Routing or Wire.Fragment or Wire.DestinationOptions;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint FindService6(EngineState* state, ulong high, ulong low, ulong rest)
    {
        ServiceKey6Entry* keys = state->View.ServiceKeys6;
        int log2 = state->View.ServiceKeys6Log2;
        uint mask = (1u << log2) - 1;
        for (uint at = Hashes.Slot(Hashes.Fold(high, low, rest), log2); ; at = (at + 1) & mask)
        {
            if (keys[at].Rest == rest && keys[at].Low == low && keys[at].High == high)
            {
                return keys[at].Service;
            }

            if (keys[at].Rest == 0)
            {
                return 0;
            }
        }
    }
}
