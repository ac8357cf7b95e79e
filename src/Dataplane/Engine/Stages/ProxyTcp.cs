using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// The PROXY protocol's header as the first bytes of a client's TCP stream. The server numbers what the client sends higher by the
/// header's bytes, so sequence numbers go up by them on the way there, acknowledgments and SACK blocks down on the way back. Until the
/// server has acknowledged the header, each segment that begins at the client's first byte carries it, the handshake's last ACK being the first one.
/// Where the first byte is, the server's SYN says: a client could lie. Nothing of the client's ever stands where the header belongs.
/// </summary>
internal static unsafe class ProxyTcp
{
    /// <summary>Bytes after which no acknowledgment can be late any more: the largest window (RFC 7323 section 2.3).</summary>
    private const int PastBytes = 1 << 30;

    /// <summary>A packet of a client before it is translated. False if it has been dropped or refused.</summary>
    public static bool TryToServer(EngineState* state, Burst* burst, int i, ServerEntry* server, ServiceEntry* service, AddressTold* told, ref uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + Offset(burst, i, ip);
        bool isSyn = (l4[13] & (Wire.Syn | Wire.Rst)) == Wire.Syn;
        if (told->State == ClientAddressState.None)
        {
            if (!isSyn)
            {
                return true;
            }

            state->Ports.Open(told, ClientAddressMode.ProxyV2);
        }

        if (isSyn)
        {
            // Data in a SYN (RFC 7413) would come before the header. The client sends again what is not acknowledged.
            return IsWhole(burst, i) && Empty(burst, i, ip, l4, ref ipBytes);
        }

        if (told->State == ClientAddressState.Opening)
        {
            return true;
        }

        uint sequence = Tcp.Sequence(l4), bytes = ProxyHeader.Bytes(service->IpVersion);
        int ahead = (int)(sequence - told->First);
        if (told->State >= ClientAddressState.Received || ahead > 0)
        {
            Tcp.SetSequence(l4, sequence + bytes);
            return true;
        }

        if ((l4[13] & Wire.Rst) != 0)
        {
            if (ahead == 0 && told->State == ClientAddressState.Sent)
            {
                Tcp.SetSequence(l4, sequence + bytes); // it counts only at the very number that the server waits for (RFC 9293 section 3.10.7.4)
            }

            return true;
        }

        return TryInsert(burst, i, ip, l4, ahead == 0, server, told, bytes, ref ipBytes);
    }

    /// <summary>A packet of a server before it is translated.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void ToClient(Burst* burst, int i, ServerEntry* server, ServiceEntry* service, AddressTold* told)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + Offset(burst, i, ip);
        uint acknowledgment = Tcp.Acknowledgment(l4), bytes = ProxyHeader.Bytes(service->IpVersion);
        if ((l4[13] & Wire.Ack) == 0)
        {
            return;
        }

        if ((l4[13] & (Wire.Syn | Wire.Rst)) == Wire.Syn)
        {
            // Also where it repeats that of this connection: a server that has forgotten it would answer a client's old SYN with the same number, and take the client's next bytes for the header.
            (told->First, told->State) = (acknowledgment, ClientAddressState.Unsent);
            Tcp.LowerSegmentSize(l4, service->IpVersion, server->MtuBytes, bytes);
            return;
        }

        if (told->State <= ClientAddressState.Opening)
        {
            return;
        }

        Tcp.LowerSack(l4, bytes);
        int ahead = (int)(acknowledgment - told->First);
        if (told->State == ClientAddressState.Past || ahead >= (int)bytes)
        {
            told->State = told->State == ClientAddressState.Past || ahead >= PastBytes ? ClientAddressState.Past : ClientAddressState.Received;
            Tcp.SetAcknowledgment(l4, acknowledgment - bytes);
        }
        else if (ahead > 0)
        {
            Tcp.SetAcknowledgment(l4, told->First); // a part of the header
        }
        else if (ahead == 0 && told->State == ClientAddressState.Sent)
        {
            told->State = ClientAddressState.Unsent; // it is lost, or on its way
        }
    }

    /// <summary>What an ICMP error to the client quotes of its own packet: the number that the client knows it by, as it looks whether it is in flight. Nobody looks at the checksum.</summary>
    public static void Unquote(AddressTold* told, byte* l4, int version)
    {
        if (told->Mode != ClientAddressMode.ProxyV2 || told->State <= ClientAddressState.Opening)
        {
            return;
        }

        uint sequence = Tcp.Sequence(l4), bytes = ProxyHeader.Bytes(version);
        int ahead = (int)(sequence - told->First);
        if (told->State != ClientAddressState.Past && ahead >= 0 && ahead < (int)bytes)
        {
            sequence = told->First;
        }
        else if (told->State >= ClientAddressState.Received || ahead > 0)
        {
            sequence -= bytes;
        }

        *(uint*)(l4 + 4) = BinaryPrimitives.ReverseEndianness(sequence);
    }

    /// <summary>The header goes before the data. What begins before the first byte is a keep-alive (RFC 9293 section 3.8.4): it gives way to the header, which the server answers as well.</summary>
    private static bool TryInsert(Burst* burst, int i, byte* ip, byte* l4, bool isFirst, ServerEntry* server, AddressTold* told, uint bytes, ref uint ipBytes)
    {
        if (!IsWhole(burst, i))
        {
            return false;
        }

        if (isFirst && ipBytes + bytes > server->MtuBytes)
        {
            burst->Refuse(i, DropReason.TooBig, server->MtuBytes - bytes);
            return false;
        }

        if (!isFirst)
        {
            _ = Empty(burst, i, ip, l4, ref ipBytes);
            Tcp.SetSequence(l4, told->First);
        }

        if ((l4[13] & Wire.Urg) != 0)
        {
            Tcp.MoveUrgent(l4, bytes);
        }

        ProxyHeader.Insert(burst, i, ip, l4, Wire.Tcp);
        ipBytes += bytes;
        told->State = ClientAddressState.Sent;
        return true;
    }

    private static bool Empty(Burst* burst, int i, byte* ip, byte* l4, ref uint ipBytes)
    {
        uint bytes = Tcp.Empty(ip, l4, ipBytes);
        ipBytes -= bytes;
        burst->Length[i] -= bytes;
        burst->Moved |= 1u << i;
        return true;
    }

    /// <summary>A fragment can be neither longer nor shorter: others have their places behind it.</summary>
    internal static bool IsWhole(Burst* burst, int i)
    {
        if (((burst->Fragments >> i) & 1) == 0)
        {
            return true;
        }

        burst->Drop(i, DropReason.FragmentClientAddress);
        return false;
    }

    /// <summary>Where the TCP header is.</summary>
    internal static int Offset(Burst* burst, int i, byte* ip) => PacketPath.Version(burst->Path[i]) == 4 ? (ip[0] & 0xF) * 4 : burst->L4Offset[i];
}
