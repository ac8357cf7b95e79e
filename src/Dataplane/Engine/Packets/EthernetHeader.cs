using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Forwarder.Engine;

/// <summary>Writes Ethernet headers and VLAN tags.</summary>
public static unsafe class EthernetHeader
{
    /// <summary>Writes destination and source MAC (first byte lowest): 12 bytes in two stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetMacs(byte* frame, ulong destination, ulong source)
    {
        *(ulong*)frame = destination | (source << 48);
        *(uint*)(frame + 8) = (uint)(source >> 16);
    }

    /// <summary>
    /// Gives the frame another VLAN tag, or takes it away (0). The frame's start moves by the four bytes of a tag; mbufs
    /// have headroom for that (RTE_PKTMBUF_HEADROOM, 128 bytes). The MAC addresses must be written after it.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Retag(Burst* burst, int i, ushort vlan)
    {
        byte* frame = (byte*)burst->Frame[i];
        bool tagged = burst->Vlan[i] != 0 || burst->L3Offset[i] != Wire.EthernetBytes;
        if (vlan == 0)
        {
            Move(burst, i, Wire.VlanTagBytes);
        }
        else if (tagged)
        {
            // Priority and drop eligibility stay (IEEE 802.1Q section 9.6).
            ushort old = BinaryPrimitives.ReverseEndianness(*(ushort*)(frame + 14));
            *(ushort*)(frame + 14) = BinaryPrimitives.ReverseEndianness((ushort)((old & 0xF000) | vlan));
        }
        else
        {
            Move(burst, i, -Wire.VlanTagBytes);
            frame -= Wire.VlanTagBytes;
            *(ushort*)(frame + 12) = Wire.Vlan;
            *(ushort*)(frame + 14) = BinaryPrimitives.ReverseEndianness(vlan);
        }

        burst->Vlan[i] = vlan;
    }

    private static void Move(Burst* burst, int i, int bytes)
    {
        burst->Moved |= 1u << i;
        burst->Frame[i] = (ulong)((long)burst->Frame[i] + bytes);
        burst->Length[i] = (uint)((int)burst->Length[i] - bytes);
        burst->L3Offset[i] = (byte)(burst->L3Offset[i] - bytes);
    }
}
