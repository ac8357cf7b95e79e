using System.Buffers.Binary;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// What workers hand over: ARP (RFC 826), neighbour discovery (RFC 4861), ICMP echo for VIPs, packets that wait for a
/// neighbour, and everything that is the host's. Runs in housekeeping, needs no control, allocates nothing once made.
/// </summary>
public sealed unsafe class SlowPath
{
    /// <summary>Announcements of a VIP that has appeared (gratuitous ARP, unsolicited NA), and the time between two, in ms.</summary>
    public const int AnnouncementCount = 3, AnnouncementIntervalMs = 1_000;

    private readonly ISlowPathHost _host;
    private readonly ulong[] _portMacs;
    private readonly NeighbourTable _neighbours;
    private readonly NeighbourMessages _messages;
    private readonly Announcements _announcements;
    private readonly ulong* _leases;
    private readonly Refusals _refusals;
    private readonly VirtualMacEntry[] _virtualMacs = new VirtualMacEntry[Limits.VrrpGroupsMax]; // by VRRP group
    private SnapshotView _view;

    /// <summary>A slow path for ports of these MAC addresses (first byte lowest).</summary>
    public SlowPath(ISlowPathHost host, ulong* neighbourWords, ulong* leases, SlowPathCounters* counters, ReadOnlySpan<ulong> portMacs)
    {
        _host = host;
        _leases = leases;
        Counters = counters;
        _portMacs = portMacs.ToArray();
        _neighbours = new NeighbourTable(this, host, neighbourWords);
        _messages = new NeighbourMessages(host, counters);
        _refusals = new Refusals(host, counters);
        _announcements = new Announcements(_messages, new MulticastMembership(host, counters), _portMacs);
    }

    internal SlowPathCounters* Counters { get; }

    internal ulong PortMac(int port) => _portMacs[port];

    /// <summary>Prepares for a snapshot; call it before workers can see it.</summary>
    public void SetSnapshot(in SnapshotView view, long nowMs)
    {
        _view = view;
        Array.Clear(_virtualMacs);
        for (int i = 0; view.Header->VirtualMacs != 0 && i < 1 << view.VirtualMacsLog2; i++)
        {
            _virtualMacs[view.VirtualMacs[i].VrrpGroup] = view.VirtualMacs[i];
        }

        _virtualMacs[0] = default;
        _neighbours.SetSnapshot(view, nowMs);
        _announcements.SetSnapshot(view, nowMs);
    }

    /// <summary>Sends what is due. Call it at least every few milliseconds.</summary>
    public void Tick(long nowMs)
    {
        if (_view.Header == null)
        {
            return;
        }

        _neighbours.Tick(nowMs);
        _announcements.Tick(nowMs);
    }

    /// <summary>A packet of a virtual service that waits for its next hop; ready but for the destination MAC. Its VIP's VRRP group, or 0.</summary>
    public void HandleWaiting(ulong packet, byte* frame, int length, uint nextHop, uint group, long nowMs) => _neighbours.Wait(packet, frame, length, nextHop, group, nowMs);

    /// <summary>A packet that a worker would not pass on: its sender is told, and it is lost.</summary>
    public void HandleRefused(ulong packet, byte* frame, int length, int port, DropReason reason, int mtuBytes, long nowMs)
    {
        byte* ip = frame + Wire.EthernetBytes + (*(ushort*)(frame + 12) == Wire.Vlan ? Wire.VlanTagBytes : 0);
        bool v4 = (ip[0] >> 4) == 4, toVip = _view.IsForVirtual(ip, out uint group, out bool acceptsNone);
        int interfaceId = FindInterface(port, VlanOf(frame));
        uint own4 = interfaceId < 0 ? 0 : _view.Interfaces[interfaceId].Address4;
        if (!(acceptsNone && reason == DropReason.NoService) && (toVip || !v4 || own4 != 0))
        {
            _refusals.Send(frame, length, port, _portMacs[port], _view, interfaceId, reason, mtuBytes, nowMs, toVip, group);
        }

        _host.Drop(packet, reason);
    }

    /// <summary>A frame that a worker has punted.</summary>
    public void HandleFrame(ulong packet, byte* frame, int length, int port, long nowMs)
    {
        Counters->Frames++;
        int l3 = Wire.EthernetBytes;
        ushort etherType = *(ushort*)(frame + 12), vlan = VlanOf(frame);
        if (etherType == Wire.Vlan)
        {
            etherType = *(ushort*)(frame + 16);
            l3 += Wire.VlanTagBytes;
        }

        int interfaceId = FindInterface(port, vlan);
        SlowPacket p = new() { Packet = packet, Frame = frame, Length = length, L3 = l3, Port = port, Interface = interfaceId, NowMs = nowMs };
        if (interfaceId < 0)
        {
            ToHostOrDrop(p, DropReason.UnknownVlan);
        }
        else if (etherType == Wire.Arp)
        {
            Arp(p);
        }
        else if (etherType == Wire.Ipv4 && length >= l3 + Wire.Ipv4Bytes)
        {
            Ipv4(p);
        }
        else if (etherType == Wire.Ipv6 && length >= l3 + Wire.Ipv6Bytes)
        {
            Ipv6(p);
        }
        else
        {
            _host.ToHost(packet, frame, length, port);
        }
    }

    /// <summary>Asks for a neighbour's MAC address; unicast to <paramref name="mac"/> if that is not 0.</summary>
    internal void Solicit(int interfaceId, byte ipVersion, ulong high, ulong low, ulong mac)
    {
        if (interfaceId >= _view.InterfaceCount)
        {
            return;
        }

        InterfaceEntry entry = _view.Interfaces[interfaceId];
        if (ipVersion == 4)
        {
            _messages.SendArpRequest(entry, _portMacs[entry.Port], (uint)high, mac);
        }
        else
        {
            _messages.SendSolicitation(entry, _portMacs[entry.Port], high, low, mac);
        }
    }

    private void Arp(in SlowPacket p)
    {
        byte* arp = p.Frame + p.L3;
        if (p.Length < p.L3 + NeighbourMessages.ArpBytes || *(uint*)arp != NeighbourMessages.ArpEthernetIpv4 || *(ushort*)(arp + 4) != NeighbourMessages.ArpHardwareLengths
            || !NeighbourMessages.IsHost(*(ulong*)(arp + 8) & Wire.MacMask))
        {
            _host.Drop(p.Packet, DropReason.NeighbourMessageBad);
            return;
        }

        ushort operation = *(ushort*)(arp + 6);
        uint sender = *(uint*)(arp + 14), target = *(uint*)(arp + 24);
        ulong senderMac = *(ulong*)(arp + 8) & Wire.MacMask;
        if (sender != 0)
        {
            _neighbours.Learn(sender, 0, p.Interface, senderMac, p.NowMs);
        }

        if (operation == NeighbourMessages.ArpReply)
        {
            Counters->ArpHeard++;
            _host.OfferToHost(p.Packet, p.Frame, p.Length, p.Port); // the host asks for itself, too
        }
        else if (operation == NeighbourMessages.ArpRequest && sender != target && IsLocal4(target, p.Interface, out uint group))
        {
            if (Owns(group))
            {
                _messages.AnswerArp(p, MacOf(group, p), group);
            }
            else
            {
                _host.Release(p.Packet); // the group's owner answers
            }
        }
        else
        {
            _host.OfferToHost(p.Packet, p.Frame, p.Length, p.Port);
        }
    }

    private void Ipv4(in SlowPacket p)
    {
        byte* ip = p.Frame + p.L3;
        LocalAddress4Entry* local = _view.FindLocal4(*(uint*)(ip + 16));
        if (local == null || !local->IsVirtual)
        {
            _host.ToHost(p.Packet, p.Frame, p.Length, p.Port);
            return;
        }

        if (IsForAll(p))
        {
            _host.Drop(p.Packet, DropReason.NotOurMac);
            return;
        }

        if (!Owns(local->VrrpGroup))
        {
            _host.Drop(p.Packet, DropReason.VipNotOwned);
            return;
        }

        if (local->AcceptsNone != 0)
        {
            _host.Drop(p.Packet, DropReason.VipAcceptsNone);
            return;
        }

        int headerBytes = (ip[0] & 0xF) * 4;
        int icmpBytes = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2)) - headerBytes;
        byte* icmp = ip + headerBytes;
        if (icmpBytes < EchoReply.HeaderBytes || p.L3 + headerBytes + icmpBytes > p.Length || Checksum.Fold(Checksum.Sum(icmp, icmpBytes)) != 0)
        {
            _host.Drop(p.Packet, DropReason.IcmpBad);
        }
        else if (icmp[0] != EchoReply.Request4)
        {
            _host.Drop(p.Packet, DropReason.IcmpUnsupported);
        }
        else
        {
            EchoReply.Make4(p, icmp, icmpBytes, MacOf(local->VrrpGroup, p));
            Counters->EchoAnswered++;
            _host.Send(p.Packet, p.Frame, p.Length, p.Port, local->VrrpGroup);
        }
    }

    private void Ipv6(in SlowPacket p)
    {
        byte* ip = p.Frame + p.L3;
        int payloadBytes = BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 4));
        byte* icmp = ip + Wire.Ipv6Bytes;
        bool isIcmp = ip[6] == Wire.Icmpv6 && payloadBytes >= EchoReply.HeaderBytes && p.L3 + Wire.Ipv6Bytes + payloadBytes <= p.Length;
        LocalAddress6Entry* local = _view.FindLocal6(*(ulong*)(ip + 24), *(ulong*)(ip + 32));
        bool isVip = local != null && local->IsVirtual;
        if (isIcmp && icmp[0] is NeighbourMessages.Solicitation or NeighbourMessages.Advertisement)
        {
            NeighbourDiscovery(p, icmp, payloadBytes);
        }
        else if (!isVip)
        {
            if (MulticastMembership.IsQuery(ip, payloadBytes, p.Length - p.L3))
            {
                _announcements.ReportGroups(p.NowMs);
            }

            _host.ToHost(p.Packet, p.Frame, p.Length, p.Port);
        }
        else if (IsForAll(p))
        {
            _host.Drop(p.Packet, DropReason.NotOurMac);
        }
        else if (!Owns(local->VrrpGroup))
        {
            _host.Drop(p.Packet, DropReason.VipNotOwned);
        }
        else if (local->AcceptsNone != 0)
        {
            _host.Drop(p.Packet, DropReason.VipAcceptsNone);
        }
        else if (!isIcmp || Checksum.Fold(Checksum.Sum(icmp, payloadBytes, Checksum.PseudoHeader6(ip, payloadBytes, Wire.Icmpv6))) != 0)
        {
            _host.Drop(p.Packet, ip[6] == Wire.Icmpv6 ? DropReason.IcmpBad : DropReason.IcmpUnsupported);
        }
        else if (icmp[0] != EchoReply.Request6)
        {
            _host.Drop(p.Packet, DropReason.IcmpUnsupported);
        }
        else
        {
            EchoReply.Make6(p, icmp, payloadBytes, MacOf(local->VrrpGroup, p));
            Counters->EchoAnswered++;
            _host.Send(p.Packet, p.Frame, p.Length, p.Port, local->VrrpGroup);
        }
    }

    private void NeighbourDiscovery(in SlowPacket p, byte* icmp, int bytes)
    {
        byte* ip = p.Frame + p.L3;
        if (!NeighbourMessages.IsSound(ip, icmp, bytes))
        {
            _host.Drop(p.Packet, DropReason.NeighbourMessageBad);
            return;
        }

        bool solicitation = icmp[0] == NeighbourMessages.Solicitation;
        ulong mac = NeighbourMessages.FindOption(icmp, bytes, solicitation ? NeighbourMessages.SourceOption : NeighbourMessages.TargetOption);
        ulong high = *(ulong*)(icmp + 8), low = *(ulong*)(icmp + 16);
        if (!solicitation)
        {
            Counters->NdHeard++;
            if (mac != 0)
            {
                _neighbours.Learn(high, low, p.Interface, mac, p.NowMs);
            }

            _host.OfferToHost(p.Packet, p.Frame, p.Length, p.Port);
            return;
        }

        if (mac != 0)
        {
            _neighbours.Learn(*(ulong*)(ip + 8), *(ulong*)(ip + 16), p.Interface, mac, p.NowMs);
        }

        if (IsLocal6(high, low, p.Interface, p.Port, out uint group) && Owns(group))
        {
            _messages.AnswerSolicitation(p, high, low, MacOf(group, p), group);
        }
        else if (group != 0)
        {
            _host.Release(p.Packet); // the group's owner answers
        }
        else
        {
            _host.OfferToHost(p.Packet, p.Frame, p.Length, p.Port);
        }
    }

    /// <summary>Whether the frame was sent to a broadcast or multicast address (RFC 1122 section 3.3.6: a packet for one address in it is not answered).</summary>
    private static bool IsForAll(in SlowPacket p) => (*(ulong*)p.Frame & Wire.MacGroupBit) != 0;

    private void ToHostOrDrop(in SlowPacket p, DropReason reason)
    {
        if (_host.HasHost(p.Port))
        {
            _host.ToHost(p.Packet, p.Frame, p.Length, p.Port);
        }
        else
        {
            _host.Drop(p.Packet, reason);
        }
    }

    /// <summary>As in <see cref="EngineState.Owns"/>, with a clock read now.</summary>
    private bool Owns(uint group) => group == 0 || Volatile.Read(ref _leases[group]) > _host.NowNs;

    /// <summary>Where VIPs of a group (0 = none) are, seen from where a frame came: at its virtual MAC address on its own port and VLAN, else at the port's.</summary>
    private ulong MacOf(uint group, in SlowPacket p)
    {
        VirtualMacEntry entry = _virtualMacs[group];
        return entry.Key != 0 && entry.Port == (uint)p.Port && entry.Vlan == VlanOf(p.Frame) ? entry.Mac : _portMacs[p.Port];
    }

    private bool IsLocal4(uint address, int interfaceId, out uint vrrpGroup)
    {
        LocalAddress4Entry* local = _view.FindLocal4(address);
        bool found = local != null && (local->Interface == LocalAddress4Entry.AnyInterface || local->Interface == interfaceId);
        vrrpGroup = found ? local->VrrpGroup : 0u;
        return found;
    }

    private bool IsLocal6(ulong high, ulong low, int interfaceId, int port, out uint vrrpGroup)
    {
        LocalAddress6Entry* local = _view.FindLocal6(high, low);
        bool found = local != null && (local->Interface == LocalAddress4Entry.AnyInterface || local->Interface == interfaceId);
        vrrpGroup = found ? local->VrrpGroup : 0u;
        return found || (high == NeighbourMessages.LinkLocalHigh && low == NeighbourMessages.LinkLocalLow(_portMacs[port]));
    }

    private static ushort VlanOf(byte* frame) => *(ushort*)(frame + 12) == Wire.Vlan ? (ushort)(Wire.Swap(*(ushort*)(frame + 14)) & 0xFFF) : (ushort)0;

    private int FindInterface(int port, ushort vlan)
    {
        for (int i = 0; i < _view.InterfaceCount; i++)
        {
            if (_view.Interfaces[i].Valid != 0 && _view.Interfaces[i].Port == port && _view.Interfaces[i].Vlan == vlan)
            {
                return i;
            }
        }

        return -1;
    }
}
