using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Writes the server's address and port in the place of VIP and port, and the other way round in replies. Checksums follow
/// by RFC 1624 equation 3 with differences from the snapshot, so that a wrong one stays wrong.
/// </summary>
internal static unsafe class Nat
{
    /// <summary>What one less in the TTL adds to a sum: the TTL is the low byte of its word as loaded.</summary>
    private const uint TtlDelta = 0xFFFE;

    /// <summary>From a client to the server. What else has changed in addresses, and in addresses and ports, is added to the checksums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToServer(Burst* burst, int i, TargetEntry* target, ServiceEntry* service, uint addressDelta = 0, uint transportDelta = 0)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4;
        if (burst->Path[i] == PacketPath.Ipv4)
        {
            l4 = Header4(ip, target->AddressDelta + addressDelta);
            *(uint*)(ip + 16) = (uint)target->AddressHigh;
        }
        else
        {
            l4 = ip + burst->L4Offset[i];
            ip[7]--;
            *(ulong*)(ip + 24) = target->AddressHigh;
            *(ulong*)(ip + 32) = target->AddressLow;
        }

        *(ushort*)(l4 + 2) = target->Port;
        Transport(l4, service->Protocol, target->TransportDelta + transportDelta);
    }

    /// <summary>From the server to a client; as <see cref="ToServer"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ToClient(Burst* burst, int i, TargetEntry* target, ServiceEntry* service, uint addressDelta = 0, uint transportDelta = 0)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4;
        if (PacketPath.Version(burst->Path[i]) == 4)
        {
            l4 = Header4(ip, (ushort)~target->AddressDelta + addressDelta);
            *(uint*)(ip + 12) = (uint)service->VipHigh;
        }
        else
        {
            l4 = ip + burst->L4Offset[i];
            ip[7]--;
            *(ulong*)(ip + 8) = service->VipHigh;
            *(ulong*)(ip + 16) = service->VipLow;
        }

        *(ushort*)l4 = service->Port;
        Transport(l4, service->Protocol, (ushort)~target->TransportDelta + transportDelta);
    }

    /// <summary>An ICMP error, and the packet that it quotes. False if its checksum was wrong.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Error(Burst* burst, int i, TargetEntry* target, ServiceEntry* service, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i];
        bool toClient = (burst->Path[i] & PacketPath.Reply) != 0;
        if (PacketPath.Version(burst->Path[i]) == 4)
        {
            return Error4(ip, target, service, toClient, ipBytes);
        }

        byte* icmp = ip + burst->L4Offset[i], quoted = icmp + ClassifyKnown.ErrorBytes;
        int icmpBytes = (int)ipBytes - burst->L4Offset[i];
        if (Checksum.Fold(Checksum.Sum(icmp, icmpBytes, Checksum.PseudoHeader6(ip, icmpBytes, Wire.Icmpv6))) != 0)
        {
            return false;
        }

        (ulong high, ulong low) = toClient ? (service->VipHigh, service->VipLow) : (target->AddressHigh, target->AddressLow);
        int outer = toClient ? 8 : 24, inner = toClient ? 24 : 8;
        (*(ulong*)(ip + outer), *(ulong*)(ip + outer + 8)) = (high, low);
        (*(ulong*)(quoted + inner), *(ulong*)(quoted + inner + 8)) = (high, low);
        *(ushort*)(quoted + Wire.Ipv6Bytes + (toClient ? 2 : 0)) = toClient ? service->Port : target->Port;
        ip[7]--;
        SumError6(ip, icmp, icmpBytes);
        return true;
    }

    /// <summary>Writes the checksum of an ICMP error anew.</summary>
    public static void SumError4(byte* icmp, int icmpBytes)
    {
        *(ushort*)(icmp + 2) = 0;
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, icmpBytes));
    }

    /// <summary>As <see cref="SumError4"/>.</summary>
    public static void SumError6(byte* ip, byte* icmp, int icmpBytes)
    {
        *(ushort*)(icmp + 2) = 0;
        *(ushort*)(icmp + 2) = Checksum.Fold(Checksum.Sum(icmp, icmpBytes, Checksum.PseudoHeader6(ip, icmpBytes, Wire.Icmpv6)));
    }

    private static bool Error4(byte* ip, TargetEntry* target, ServiceEntry* service, bool toClient, uint ipBytes)
    {
        int headerBytes = (ip[0] & 0xF) * 4, icmpBytes = (int)ipBytes - headerBytes;
        byte* icmp = ip + headerBytes, quoted = icmp + ClassifyKnown.ErrorBytes, l4 = quoted + ((quoted[0] & 0xF) * 4);
        if (Checksum.Fold(Checksum.Sum(icmp, icmpBytes)) != 0)
        {
            return false;
        }

        // The quoted transport checksum stays, as with IPVS: often it is not there, and nobody looks at it.
        ushort delta = toClient ? (ushort)~target->AddressDelta : target->AddressDelta;
        uint address = (uint)(toClient ? service->VipHigh : target->AddressHigh);
        uint* outer = (uint*)(ip + (toClient ? 12 : 16));
        uint was = ~*outer; // a router's, maybe: the outer header's sum goes by what was there, and a wrong one stays wrong
        Header4(ip, (was & 0xFFFF) + (was >> 16) + (address & 0xFFFF) + (address >> 16));
        *outer = address;
        *(uint*)(quoted + (toClient ? 16 : 12)) = address;
        *(ushort*)(l4 + (toClient ? 2 : 0)) = toClient ? service->Port : target->Port;
        *(ushort*)(quoted + 10) = Checksum.Fold((ushort)~*(ushort*)(quoted + 10) + (ulong)delta);
        SumError4(icmp, icmpBytes);
        return true;
    }

    /// <summary>Takes one from the TTL; the checksum follows it and the address. Returns where the transport header is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte* Header4(byte* ip, uint addressDelta)
    {
        *(ushort*)(ip + 10) = Checksum.Fold((ushort)~*(ushort*)(ip + 10) + addressDelta + TtlDelta);
        ip[8]--;
        return ip + ((ip[0] & 0xF) * 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Transport(byte* l4, byte protocol, uint delta)
    {
        if (protocol == Wire.Tcp)
        {
            *(ushort*)(l4 + Wire.TcpChecksumOffset) = Checksum.Fold((ushort)~*(ushort*)(l4 + Wire.TcpChecksumOffset) + delta);
            return;
        }

        if (protocol == Wire.Sctp)
        {
            return; // its checksum covers no addresses; the ports' part of it follows in Sctp
        }

        ushort old = *(ushort*)(l4 + Wire.UdpChecksumOffset);
        if (old != 0) // 0 means none and stays (RFC 768)
        {
            *(ushort*)(l4 + Wire.UdpChecksumOffset) = Checksum.FoldUdp((ushort)~old + delta);
        }
    }
}
