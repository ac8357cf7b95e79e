using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// Completes the TCP, UDP and SCTP checksums that a Linux kernel leaves to its network interface (CHECKSUM_PARTIAL): on a virtual
/// interface no hardware does it, and the field holds the folded sum of the pseudo-header, with SCTP 0. DPDK's drivers do not say which
/// packets those are, so they are known by that value. One packet in 65,536 has it by chance; if its checksum was right, the same comes out.
/// </summary>
public static unsafe class PartialChecksums
{
    private const int Ipv4FragmentFieldOffset = 6;

    /// <summary>Completes those of a burst that has just been received. What is malformed is left to <see cref="Classify"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Complete(Burst* burst)
    {
        for (int i = 0; i < burst->Count; i++)
        {
            byte* frame = (byte*)burst->Frame[i];
            uint length = burst->Length[i], l3 = Wire.EthernetBytes;
            if (length < Wire.EthernetBytes + Wire.VlanTagBytes)
            {
                continue;
            }

            ushort etherType = *(ushort*)(frame + 12);
            if (etherType == Wire.Vlan)
            {
                etherType = *(ushort*)(frame + 16);
                l3 += Wire.VlanTagBytes;
            }

            if (etherType == Wire.Ipv4)
            {
                Ipv4(frame + l3, length - l3);
            }
            else if (etherType == Wire.Ipv6)
            {
                Ipv6(frame + l3, length - l3);
            }
        }
    }

    private static void Ipv4(byte* ip, uint room)
    {
        if (room < Wire.Ipv4Bytes)
        {
            return;
        }

        uint headerBytes = (uint)(ip[0] & 0xF) * 4, totalBytes = Wire.Swap(*(ushort*)(ip + 2));
        if (headerBytes >= Wire.Ipv4Bytes && totalBytes >= headerBytes && totalBytes <= room && (*(ushort*)(ip + Ipv4FragmentFieldOffset) & Wire.Ipv4FragmentMask) == 0)
        {
            int bytes = (int)(totalBytes - headerBytes);
            Transport(ip + headerBytes, bytes, ip[9], Checksum.PseudoHeader4(ip, bytes, ip[9]));
        }
    }

    private static void Ipv6(byte* ip, uint room)
    {
        if (room < Wire.Ipv6Bytes || Wire.Swap(*(ushort*)(ip + 4)) > room - Wire.Ipv6Bytes)
        {
            return;
        }

        byte* l4 = ip + Wire.Ipv6Bytes;
        uint bytes = Wire.Swap(*(ushort*)(ip + 4));
        byte protocol = ip[6];
        if (Classify.SkipExtensions(ref l4, ref bytes, ref protocol, out byte* fragment) && fragment == null)
        {
            Transport(l4, (int)bytes, protocol, Checksum.PseudoHeader6(ip, (int)bytes, protocol));
        }
    }

    private static void Transport(byte* l4, int bytes, byte protocol, ulong pseudoHeader)
    {
        if (protocol == Wire.Sctp && bytes >= Wire.SctpHeaderBytes && *(uint*)(l4 + Wire.SctpChecksumOffset) == 0)
        {
            *(uint*)(l4 + Wire.SctpChecksumOffset) = Crc32c.Of(l4, bytes);
            return;
        }

        int offset = protocol == Wire.Tcp ? Wire.TcpChecksumOffset : Wire.UdpChecksumOffset;
        if (protocol is not (Wire.Tcp or Wire.Udp) || bytes < (protocol == Wire.Tcp ? Wire.TcpBytes : Wire.UdpBytes))
        {
            return;
        }

        ushort* field = (ushort*)(l4 + offset);
        if (*field == (ushort)~Checksum.Fold(pseudoHeader))
        {
            ulong sum = Checksum.Sum(l4, bytes); // what the field holds counts for the pseudo-header
            *field = protocol == Wire.Udp ? Checksum.FoldUdp(sum) : Checksum.Fold(sum);
        }
    }
}
