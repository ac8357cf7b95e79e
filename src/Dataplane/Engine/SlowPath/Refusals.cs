using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Tells the sender of a packet that the director could not pass on. As a router: fragmentation needed (RFC 1191), packet too
/// big (RFC 4443 section 3.2), time exceeded. As the VIP's host, where no service or no server takes it: TCP reset, SCTP ABORT, else port
/// unreachable. It goes back to the MAC address that the packet came from. An error for a packet to a VIP comes from the VIP,
/// as in IPVS, others from an own address. Rate-limited as RFC 1812 section 4.3.2.8 and RFC 4443 section 2.4 (f) ask.
/// </summary>
internal sealed unsafe class Refusals(ISlowPathHost host, SlowPathCounters* counters)
{
    /// <summary>Errors and resets per second in the long run, and at once; Linux's values for ICMP.</summary>
    public const int PerSecondMax = 1_000, BurstMax = 50;

    private const byte Unreachable4 = 3, PortUnreachable4 = 3, FragmentationNeeded4 = 4, TimeExceeded4 = 11, Unreachable6 = 1, PortUnreachable6 = 4, TooBig6 = 2, TimeExceeded6 = 3;
    private const int IcmpBytes = 8;

    /// <summary>Largest error: RFC 1812 section 4.3.2.3, RFC 4443 section 3.</summary>
    private const int ErrorMax4Bytes = 576, ErrorMax6Bytes = 1280;

    private long _tokens = BurstMax, _refilledMs;

    /// <summary>Sends the error for a frame, if its kind gets one. The frame stays the caller's.</summary>
    public void Send(byte* frame, int length, int port, ulong portMac, in SnapshotView view, int interfaceId, DropReason reason, int mtuBytes, long nowMs, bool toVip, uint group)
    {
        int l3 = *(ushort*)(frame + 12) == Wire.Vlan ? Wire.EthernetBytes + Wire.VlanTagBytes : Wire.EthernetBytes;
        byte* ip = frame + l3;
        bool v4 = (ip[0] >> 4) == 4;
        if ((*(ulong*)frame & Wire.MacGroupBit) != 0 || !(v4 ? IsOwed4(ip, reason) : IsOwed6(ip, length - l3)))
        {
            return;
        }

        bool isUnserved = reason is DropReason.NoServer or DropReason.NoService or DropReason.ServiceFull or DropReason.ServersFull;
        int l4Bytes = 0;
        byte protocol = 0;
        byte* l4 = isUnserved ? Transport(ip, length - l3, out l4Bytes, out protocol) : null;
        if (l4 != null && !(protocol == Wire.Tcp ? TcpReset.IsOwed(l4) : SctpAbort.IsOwed(l4, l4Bytes)))
        {
            return;
        }

        if (!TakeToken(nowMs))
        {
            counters->ErrorsSuppressed++;
            return;
        }

        if (!host.TryAllocate(out ulong packet, out byte* error))
        {
            return;
        }

        new ReadOnlySpan<byte>(frame, l3).CopyTo(new Span<byte>(error, l3));
        EthernetHeader.SetMacs(error, *(ulong*)(frame + 6) & Wire.MacMask, portMac);
        if (l4 != null)
        {
            int answer = protocol == Wire.Tcp ? TcpReset.Make(error + l3, ip, l4, l4Bytes) : SctpAbort.Make(error + l3, ip, l4);
            Sent(packet, error, l3 + answer, port, group);
            return;
        }

        int quoted = Math.Min(length - l3, (v4 ? ErrorMax4Bytes - Wire.Ipv4Bytes : ErrorMax6Bytes - Wire.Ipv6Bytes) - IcmpBytes);
        int bytes = v4 ? Make4(error + l3, ip, quoted, toVip ? *(uint*)(ip + 16) : view.Interfaces[interfaceId].Address4, reason, mtuBytes)
            : Make6(error + l3, ip, quoted, toVip ? (*(ulong*)(ip + 24), *(ulong*)(ip + 32)) : Own6(view, interfaceId, portMac, ip), reason, mtuBytes);
        Sent(packet, error, l3 + bytes, port, group);
    }

    private void Sent(ulong packet, byte* frame, int bytes, int port, uint group)
    {
        counters->ErrorsSent++;
        host.Send(packet, frame, bytes, port, group);
    }

    /// <summary>TCP or SCTP header of a packet that the worker has found sound, or null if it has none.</summary>
    private static byte* Transport(byte* ip, int room, out int bytes, out byte protocol)
    {
        bool v4 = (ip[0] >> 4) == 4;
        protocol = ip[v4 ? 9 : 6];
        byte* l4 = ip + (v4 ? (ip[0] & 0xF) * 4 : Wire.Ipv6Bytes);
        uint left = v4 ? Wire.Swap(*(ushort*)(ip + 2)) - (uint)(l4 - ip) : Wire.Swap(*(ushort*)(ip + 4));
        if (!v4 && !Classify.SkipExtensions(ref l4, ref left, ref protocol, out _))
        {
            protocol = 0;
        }

        bytes = (int)left;
        int least = protocol switch { Wire.Tcp => Wire.TcpBytes, Wire.Sctp => Wire.SctpBytes, _ => int.MaxValue };
        return bytes >= least && (l4 - ip) + bytes <= room ? l4 : null;
    }

    /// <summary>No error about an ICMP message that is no echo, a fragment that is not the first, or to what is no host (RFC 1122 section 3.2.2); without DF nobody looks for the path's MTU.</summary>
    private static bool IsOwed4(byte* ip, DropReason reason)
    {
        uint source = *(uint*)(ip + 12), first = source & 0xFF;
        ushort fragment = *(ushort*)(ip + 6);
        return source != 0 && first is not 127 and < 224 && (ip[9] != Wire.Icmp || ip[(ip[0] & 0xF) * 4] is EchoReply.Request4 or EchoReply.Reply4) && (Wire.Swap(fragment) & 0x1FFF) == 0
            && (reason != DropReason.TooBig || (fragment & Wire.Ipv4DontFragment) != 0);
    }

    /// <summary>No error about an ICMPv6 message that is no echo, behind extension headers either, or to what is no host (RFC 4443 section 2.4 (e)).</summary>
    private static bool IsOwed6(byte* ip, int bytes)
    {
        byte* l4 = ip + Wire.Ipv6Bytes;
        uint room = (uint)Math.Max(bytes - Wire.Ipv6Bytes, 0);
        byte protocol = ip[6];
        return ip[8] != 0xFF && (*(ulong*)(ip + 8) | *(ulong*)(ip + 16)) != 0
            && Classify.SkipExtensions(ref l4, ref room, ref protocol, out _) && (protocol != Wire.Icmpv6 || (room != 0 && l4[0] is EchoReply.Request6 or EchoReply.Reply6));
    }

    private bool TakeToken(long nowMs)
    {
        long earned = Math.Min((nowMs - _refilledMs) * PerSecondMax / 1_000, BurstMax);
        if (earned > 0)
        {
            _tokens = Math.Min(_tokens + earned, BurstMax);
            _refilledMs = nowMs;
        }

        return _tokens > 0 && _tokens-- > 0;
    }

    /// <summary>Chosen as for any packet of the director's own (RFC 4443 section 2.2): routers pass nothing on that comes from a link-local address.</summary>
    private static (ulong High, ulong Low) Own6(in SnapshotView view, int interfaceId, ulong portMac, byte* ip) =>
        OwnAddress6.TryFind(view, interfaceId, *(ulong*)(ip + 8), *(ulong*)(ip + 16), out ulong high, out ulong low) ? (high, low) : (NeighbourMessages.LinkLocalHigh, NeighbourMessages.LinkLocalLow(portMac));

    private static int Make4(byte* ip, byte* original, int quoted, uint source, DropReason reason, int mtuBytes)
    {
        int payload = IcmpBytes + quoted;
        byte* icmp = IpHeader.Write4(ip, payload, Wire.Icmp, source, *(uint*)(original + 12));
        *(uint*)icmp = reason switch
        {
            DropReason.TooBig => (uint)Unreachable4 | (FragmentationNeeded4 << 8),
            DropReason.TtlExpired => TimeExceeded4,
            _ => (uint)Unreachable4 | (PortUnreachable4 << 8),
        };
        *(uint*)(icmp + 4) = (uint)Wire.Swap((ushort)mtuBytes) << 16;
        new ReadOnlySpan<byte>(original, quoted).CopyTo(new Span<byte>(icmp + IcmpBytes, quoted));
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, payload));
        return Wire.Ipv4Bytes + payload;
    }

    private static int Make6(byte* ip, byte* original, int quoted, (ulong High, ulong Low) source, DropReason reason, int mtuBytes)
    {
        int payload = IcmpBytes + quoted;
        byte* icmp = IpHeader.Write6(ip, payload, Wire.Icmpv6, source.High, source.Low, *(ulong*)(original + 8), *(ulong*)(original + 16));
        *(uint*)icmp = reason switch
        {
            DropReason.TooBig => TooBig6,
            DropReason.TtlExpired => TimeExceeded6,
            _ => (uint)Unreachable6 | (PortUnreachable6 << 8),
        };
        *(uint*)(icmp + 4) = (uint)Wire.Swap((ushort)mtuBytes) << 16;
        new ReadOnlySpan<byte>(original, quoted).CopyTo(new Span<byte>(icmp + IcmpBytes, quoted));
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, payload, Checksum.PseudoHeader6(ip, payload, Wire.Icmpv6)));
        return Wire.Ipv6Bytes + payload;
    }
}
