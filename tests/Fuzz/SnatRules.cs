using System.Buffers.Binary;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// What SNAT makes of a packet, written a second time: the packet is put together anew and its checksums are reckoned over all of it, with the difference that a
/// wrong one had (RFC 3022 section 4, RFC 5508).
/// </summary>
/// <param name="Inside">Inside host's address.</param>
/// <param name="Outside">Destination's address.</param>
/// <param name="Source">Source address of the director.</param>
/// <param name="Protocol">Protocol: 6, 17, 132, or 1 and 58 for echo.</param>
/// <param name="InsidePort">Inside host's port or identifier.</param>
/// <param name="OutsidePort">Destination's port.</param>
/// <param name="LocalPort">The director's port or identifier.</param>
public sealed record SnatRules(byte[] Inside, byte[] Outside, byte[] Source, byte Protocol, int InsidePort, int OutsidePort, int LocalPort)
{
    private bool IsV6 => Inside.Length == 16;

    private bool IsEcho => Protocol is 1 or 58;

    /// <summary>A packet outwards; <paramref name="l4"/> is where its transport header begins.</summary>
    public byte[] Outwards(byte[] ip, int l4) => Moved(ip, l4, Source, LocalPort, isDestination: false, isFirst: true);

    /// <summary>A packet that comes back.</summary>
    public byte[] Back(byte[] ip, int l4) => Moved(ip, l4, Inside, InsidePort, isDestination: true, isFirst: true);

    /// <summary>A fragment: the first one has ports, and the checksum of the whole.</summary>
    public byte[] Part(byte[] ip, int l4, bool outwards, bool isFirst) => Moved(ip, l4, outwards ? Source : Inside, outwards ? LocalPort : InsidePort, !outwards, isFirst, isPart: true);

    /// <summary>An error from outside about what went out; null if its checksum is wrong.</summary>
    public byte[]? ErrorBack(byte[] ip, int icmp) => Error(ip, icmp, Inside, InsidePort, outwards: false);

    /// <summary>An error from inside about what came in.</summary>
    public byte[]? ErrorOutwards(byte[] ip, int icmp) => Error(ip, icmp, Source, LocalPort, outwards: true);

    private byte[] Moved(byte[] ip, int l4, byte[] address, int port, bool isDestination, bool isFirst, bool isPart = false)
    {
        byte[] moved = [.. ip];
        address.CopyTo(moved, AddressAt(isDestination));
        moved[IsV6 ? 7 : 8]--;
        if (isFirst)
        {
            WritePort(moved, l4, port, isDestination);
            SumTransport(ip, moved, l4, isPart);
        }

        SumHeader(ip, moved, 0);
        return moved;
    }

    private byte[]? Error(byte[] ip, int icmp, byte[] address, int port, bool outwards)
    {
        if (Residue(ip[icmp..], IsV6 ? Pseudo(ip, 58, ip.Length - icmp) : []) != 0)
        {
            return null;
        }

        byte[] error = [.. ip];
        int quoted = icmp + 8, inner = quoted + (IsV6 ? 40 : (ip[quoted] & 15) * 4);
        address.CopyTo(error, AddressAt(!outwards));
        address.CopyTo(error, quoted + AddressAt(outwards));
        WritePort(error, inner, port, isDestination: outwards);
        error[IsV6 ? 7 : 8]--;
        SumHeader(ip, error, 0);
        SumHeader(ip, error, quoted);
        error[icmp + 2] = error[icmp + 3] = 0;
        uint sum = Residue(error[icmp..], IsV6 ? Pseudo(error, 58, ip.Length - icmp) : []);
        Put(error, icmp + 2, (0xFFFF - sum) % 0xFFFF);
        return error;
    }

    private int AddressAt(bool isDestination) => IsV6 ? (isDestination ? 24 : 8) : isDestination ? 16 : 12;

    private void WritePort(byte[] packet, int l4, int port, bool isDestination) => BinaryPrimitives.WriteUInt16BigEndian(packet.AsSpan(l4 + (IsEcho ? 4 : isDestination ? 2 : 0)), (ushort)port);

    /// <summary>What was wrong by so much stays wrong by so much.</summary>
    private void SumTransport(byte[] before, byte[] after, int l4, bool isPart)
    {
        if (Protocol == 132)
        {
            uint wrongBy = BinaryPrimitives.ReadUInt32LittleEndian(before.AsSpan(l4 + 8)) ^ SctpReading.Crc(before.AsSpan(l4));
            BinaryPrimitives.WriteUInt32LittleEndian(after.AsSpan(l4 + 8), SctpReading.Crc(after.AsSpan(l4)) ^ wrongBy);
            return;
        }

        int field = l4 + (Protocol switch { 6 => 16, 17 => 6, _ => 2 });
        if (Protocol == 17 && Word(before, field) == 0)
        {
            return; // RFC 768: there is none
        }

        // Of a part the whole is not there, but the difference is the same whatever stands beyond it.
        int bytes = isPart ? 0 : before.Length - l4;
        Put(after, field, 0);
        uint was = Residue(before[l4..], Pseudo(before, Protocol, bytes)), without = Residue(after[l4..], Pseudo(after, Protocol, bytes));
        uint sum = (was + 0xFFFF - without) % 0xFFFF;
        Put(after, field, Protocol == 17 && sum == 0 ? 0xFFFF : sum);
    }

    private void SumHeader(byte[] before, byte[] after, int at)
    {
        if (IsV6)
        {
            return;
        }

        int bytes = (before[at] & 15) * 4;
        Put(after, at + 10, 0);
        Put(after, at + 10, (Residue(before[at..(at + bytes)], []) + 0xFFFF - Residue(after[at..(at + bytes)], [])) % 0xFFFF);
    }

    /// <summary>ICMP's checksum covers no addresses.</summary>
    private byte[] Pseudo(byte[] ip, byte protocol, int bytes) => protocol == 1 ? [] : [.. IsV6 ? ip[8..40] : ip[12..20], 0, protocol, (byte)(bytes >> 8), (byte)bytes];

    private static uint Residue(byte[] covered, byte[] pseudo) => (VrrpRules.Sum(covered) + VrrpRules.Sum(pseudo)) % 0xFFFF;

    private static uint Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));

    private static void Put(byte[] bytes, int at, uint value) => BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)value);
}
