using System.Text;
using Forwarder.Engine;

namespace Forwarder.Unit.Tests.Engine;

public sealed unsafe class Crc32cTests
{
    [Theory]
    [InlineData("")]
    [InlineData("123456789")]
    [InlineData("12345678")]
    [InlineData("1234567890abcdef1234567890abcde")]
    public void It_is_that_of_the_RFC_with_the_field_as_0(string text)
    {
        byte[] sctp = [0x0F, 0x1C, 0x0F, 0x1D, 1, 2, 3, 4, 0xDE, 0xAD, 0xBE, 0xEF, .. Encoding.ASCII.GetBytes(text)];
        Assert.Equal(BitByBit(sctp), Of(sctp));
        sctp[8] ^= 0xFF;
        Assert.Equal(BitByBit(sctp), Of(sctp));
    }

    /// <summary>What the test compares with is CRC-32C: its check value.</summary>
    [Fact]
    public void The_yardstick_is_right() => Assert.Equal(0xE3069283, Plain(Encoding.ASCII.GetBytes("123456789")));

    [Theory]
    [InlineData(12)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(1_480)]
    [InlineData(65_515)]
    public void A_change_of_ports_is_known_without_the_packet(int bytes)
    {
        Random random = new(bytes);
        byte[] before = new byte[bytes], after;
        random.NextBytes(before);
        after = [.. before];
        random.NextBytes(after.AsSpan(0, 4));
        uint ports = BitConverter.ToUInt32(before) ^ BitConverter.ToUInt32(after);
        Assert.Equal(BitByBit(after), BitByBit(before) ^ Crc32c.Change(ports, bytes));
        Assert.Equal(0u, Crc32c.Change(0, bytes));
    }

    private static uint Of(byte[] sctp)
    {
        fixed (byte* at = sctp)
        {
            return Crc32c.Of(at, sctp.Length);
        }
    }

    private static uint BitByBit(byte[] sctp) => Plain([.. sctp[..8], 0, 0, 0, 0, .. sctp[12..]]);

    private static uint Plain(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in data)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
            }
        }

        return ~crc;
    }
}
