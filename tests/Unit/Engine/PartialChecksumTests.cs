using Forwarder.Engine;
using Forwarder.TestSupport;
using Forwarder.Unit.Tests.Engine;

namespace Forwarder.Unit.Tests;

/// <summary>Checksums that a kernel has left to its interface.</summary>
public sealed unsafe class PartialChecksumTests
{
    private const int OddBytes = 11;

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.2", Wire.Tcp, 0)]
    [InlineData("10.0.0.1", "10.0.0.2", Wire.Udp, 0)]
    [InlineData("fd00::1", "fd00::2", Wire.Tcp, 0)]
    [InlineData("fd00::1", "fd00::2", Wire.Udp, 7)]
    public void What_holds_the_sum_of_the_pseudo_header_is_completed(string source, string destination, byte protocol, int vlan)
    {
        byte[] frame = Frames.L4(source, 1000, destination, 80, protocol, payloadBytes: OddBytes, vlan: vlan);
        Place at = Find(frame, protocol, vlan);
        Set(frame, at.Field, (ushort)~Checksum.Fold(Pseudo(frame, at)));
        Complete(frame);
        Assert.Equal(0, Verify(frame, at));
    }

    [Theory]
    [InlineData("10.0.0.1", "10.0.0.2", Wire.Tcp)]
    [InlineData("fd00::1", "fd00::2", Wire.Udp)]
    public void Others_stay_right_or_wrong_as_they_are(string source, string destination, byte protocol)
    {
        byte[] frame = Frames.L4(source, 1000, destination, 80, protocol);
        Place at = Find(frame, protocol, 0);
        Set(frame, at.Field, Verify(frame, at));
        Unchanged(frame);
        Set(frame, at.Field, (ushort)(Get(frame, at.Field) ^ 0x0101));
        Unchanged(frame);
    }

    /// <summary>A kernel completes what it cuts: what looks like a sum of the pseudo-header is none. An atomic fragment is a whole packet (RFC 6946).</summary>
    [Theory]
    [InlineData(false, 0, true, false)]
    [InlineData(false, 24, true, false)]
    [InlineData(false, 24, false, false)]
    [InlineData(false, 0, false, true)]
    [InlineData(true, 0, true, false)]
    [InlineData(true, 24, true, false)]
    [InlineData(true, 24, false, false)]
    [InlineData(true, 0, false, true)]
    public void Fragments_stay(bool v6, int offset, bool more, bool completed)
    {
        byte[] packet = Ip.Packet(Wire.Udp, v6 ? "fd00::1" : "10.0.0.1", 1000, v6 ? "fd00::2" : "10.0.0.2", 80, new byte[64], 64);
        byte[] frame = Frames.Of(FragmentTests.Fragment(packet, offset, offset + 24, more), 2, 4);
        int l4 = frame.Length - 24;
        Place at = new(14, l4, l4 + 6, Wire.Udp);
        Set(frame, at.Field, (ushort)~Checksum.Fold(Pseudo(frame, at)));
        if (completed)
        {
            Complete(frame);
            Assert.Equal(0, Verify(frame, at));
        }
        else
        {
            Unchanged(frame);
        }
    }

    /// <summary>SCTP's field is 0 then: RFC 9260's checksum has no pseudo-header.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_SCTP_packet_without_checksum_gets_one(bool v6)
    {
        byte[] sctp = [0x9C, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0, 0, 3, 0, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0, 0];
        byte[] frame = Frames.Of(v6 ? Ip.V6("fd00::1", "fd00::2", Wire.Sctp, sctp) : Ip.V4("10.0.0.1", "10.0.0.2", Wire.Sctp, sctp), 2, 4);
        Complete(frame);
        int field = frame.Length - sctp.Length + Wire.SctpChecksumOffset;
        fixed (byte* at = sctp)
        {
            Assert.Equal(Crc32c.Of(at, sctp.Length), BitConverter.ToUInt32(frame, field));
        }

        Unchanged(frame);
        frame[field] ^= 1;
        Unchanged(frame);
    }

    [Fact]
    public void What_is_cut_off_stays()
    {
        byte[] frame = Frames.L4("10.0.0.1", 1000, "10.0.0.2", 80, Wire.Udp);
        Place at = Find(frame, Wire.Udp, 0);
        Set(frame, at.Field, (ushort)~Checksum.Fold(Pseudo(frame, at)));
        for (int length = 0; length < frame.Length; length++)
        {
            Unchanged(frame[..length]);
        }
    }

    /// <summary>A sum that comes out as 0 is written as 0xFFFF by UDP (RFC 768), as 0 by TCP.</summary>
    [Theory]
    [InlineData(Wire.Udp, 0xFFFF)]
    [InlineData(Wire.Tcp, 0)]
    public void A_sum_of_zero_is_written_as_the_protocol_has_it(byte protocol, int expected)
    {
        byte[] frame = Frames.L4("10.0.0.1", 1000, "10.0.0.2", 80, protocol);
        Place at = Find(frame, protocol, 0);
        ushort last = Get(frame, frame.Length - 2);
        ushort sum = Verify(frame, at);   // what is missing to 0
        Set(frame, frame.Length - 2, (ushort)~Checksum.Fold((ulong)last + sum));
        Set(frame, at.Field, (ushort)~Checksum.Fold(Pseudo(frame, at)));
        Complete(frame);
        Assert.Equal(expected, Get(frame, at.Field));
    }

    private readonly record struct Place(int Ip, int L4, int Field, byte Protocol);

    private static Place Find(byte[] frame, byte protocol, int vlan)
    {
        int ip = vlan == 0 ? 14 : 18, l4 = ip + ((frame[ip] >> 4) == 4 ? 20 : 40);
        return new Place(ip, l4, l4 + (protocol == Wire.Tcp ? 16 : 6), protocol);
    }

    private static ulong Pseudo(byte[] frame, Place at)
    {
        fixed (byte* start = frame)
        {
            bool v4 = (frame[at.Ip] >> 4) == 4;
            return Checksum.Sum(start + at.Ip + (v4 ? 12 : 8), v4 ? 8 : 32) + Wire.Swap((ushort)(frame.Length - at.L4)) + Wire.Swap(at.Protocol);
        }
    }

    private static ushort Verify(byte[] frame, Place at)
    {
        fixed (byte* start = frame)
        {
            return Checksum.Fold(Checksum.Sum(start + at.L4, frame.Length - at.L4, Pseudo(frame, at)));
        }
    }

    private static ushort Get(byte[] frame, int at) => BitConverter.ToUInt16(frame, at);

    private static void Set(byte[] frame, int at, ushort value) => BitConverter.TryWriteBytes(frame.AsSpan(at), value);

    private static void Unchanged(byte[] frame)
    {
        byte[] before = [.. frame];
        Complete(frame);
        Assert.Equal(before, frame);
    }

    private static void Complete(byte[] frame)
    {
        Burst burst = default;
        fixed (byte* start = frame)
        {
            burst.Count = 1;
            burst.Frame[0] = (ulong)start;
            burst.Length[0] = (uint)frame.Length;
            PartialChecksums.Complete(&burst);
        }
    }
}
