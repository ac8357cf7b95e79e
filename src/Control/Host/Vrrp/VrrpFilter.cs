using System.Buffers.Binary;
using Forwarder.Vrrp;

namespace Forwarder.Control;

/// <summary>The classic BPF program that lets only VRRP of one VLAN through, so that a flood of other packets for the host costs control nothing.</summary>
internal static class VrrpFilter
{
    /// <summary>struct sock_filter.</summary>
    public const int InstructionBytes = 8;

    private const ushort LoadWord = 0x20, LoadHalf = 0x28, LoadByte = 0x30, And = 0x54, JumpIfEqual = 0x15, Return = 0x06;
    private const uint VlanTag = 0xFFFF_F000 + 44, VlanTagPresent = 0xFFFF_F000 + 48; // <linux/filter.h>: SKF_AD_OFF
    private const uint EtherTypeOffset = 12, Ipv4ProtocolOffset = 23, Ipv6NextHeaderOffset = 20, VlanIdMask = 0xFFF;
    private const uint Ipv4 = 0x0800, Ipv6 = 0x86DD, WholePacket = 0xFFFF;

    /// <summary>Program for frames of this VLAN id, or 0: without a tag. The kernel has taken the tag out of the frame.</summary>
    public static byte[] Make(ushort vlan)
    {
        const byte Next = 0;
        List<(ushort Code, byte True, byte False, uint Value)> program =
        [
            (LoadWord, 0, 0, VlanTagPresent),
            (JumpIfEqual, Next, 10, vlan == 0 ? 0u : 1u),
            (LoadWord, 0, 0, VlanTag),
            (And, 0, 0, VlanIdMask),
            (JumpIfEqual, Next, 7, vlan),
            (LoadHalf, 0, 0, EtherTypeOffset),
            (JumpIfEqual, Next, 2, Ipv4),
            (LoadByte, 0, 0, Ipv4ProtocolOffset),
            (JumpIfEqual, 4, 3, VrrpLimits.IpProtocol),
            (JumpIfEqual, Next, 2, Ipv6),
            (LoadByte, 0, 0, Ipv6NextHeaderOffset),
            (JumpIfEqual, 1, Next, VrrpLimits.IpProtocol),
            (Return, 0, 0, 0),
            (Return, 0, 0, WholePacket),
        ];
        byte[] bytes = new byte[program.Count * InstructionBytes];
        for (int i = 0; i < program.Count; i++)
        {
            Span<byte> at = bytes.AsSpan(i * InstructionBytes);
            BinaryPrimitives.WriteUInt16LittleEndian(at, program[i].Code);
            at[2] = program[i].True;
            at[3] = program[i].False;
            BinaryPrimitives.WriteUInt32LittleEndian(at[4..], program[i].Value);
        }

        return bytes;
    }
}
