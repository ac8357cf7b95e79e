using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>
/// TOA: the client's address and port as a TCP option, as DPVS has it. It is in the client's SYNs and in all of its segments from there on, until the server has sent
/// data or acknowledged some: the connection has been made of one of these then. None of them passes without it. What the client has written itself
/// into an option of that kind is overwritten in all of its segments.
/// </summary>
internal static unsafe class Toa
{
    private const byte Kind = 254;

    private const int FixedBytes = 4, Address4Bytes = 4, Address6Bytes = 16; // kind, length, port; address

    /// <summary>Bytes of the option of a client of this IP version.</summary>
    public static int Bytes(int ipVersion) => FixedBytes + (ipVersion == 4 ? Address4Bytes : Address6Bytes);

    /// <summary>A packet of a client before it is translated. False if it has been dropped or refused.</summary>
    public static bool TryToServer(EngineState* state, Burst* burst, int i, ServerEntry* server, ServiceEntry* service, AddressTold* told, ref uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + ProxyTcp.Offset(burst, i, ip);
        bool isSyn = (l4[13] & (Wire.Syn | Wire.Rst)) == Wire.Syn;
        if (isSyn && told->State == ClientAddressState.None)
        {
            state->Ports.Open(told, ClientAddressMode.Toa);
        }

        bool carriesIt = isSyn || (told->State is ClientAddressState.Opening or ClientAddressState.Unsent && (l4[13] & Wire.Rst) == 0);
        if (carriesIt && !HasRoom(burst, i, server, (uint)Bytes(service->IpVersion), ipBytes))
        {
            return false;
        }

        state->Block->Counters.ToaForged += Tcp.TryBlank(l4, Kind) ? 1u : 0;
        if (carriesIt)
        {
            ipBytes = Insert(state, burst, i, ip, l4, ipBytes);
        }

        return true;
    }

    /// <summary>A packet of a server before it is translated.</summary>
    public static void ToClient(Burst* burst, int i, ServerEntry* server, ServiceEntry* service, AddressTold* told, uint ipBytes)
    {
        byte* ip = (byte*)burst->Frame[i] + burst->L3Offset[i], l4 = ip + ProxyTcp.Offset(burst, i, ip);
        if ((l4[13] & (Wire.Ack | Wire.Rst)) != Wire.Ack)
        {
            return;
        }

        if ((l4[13] & Wire.Syn) != 0)
        {
            (told->First, told->State) = (Tcp.Acknowledgment(l4), ClientAddressState.Unsent);
            Tcp.LowerSegmentSize(l4, service->IpVersion, server->MtuBytes, (uint)Bytes(service->IpVersion));
            return;
        }

        // A server that has no more than the client's SYN may answer, too, to what it does not accept.
        bool isData = l4 + Tcp.HeaderBytes(l4) < ip + ipBytes || (l4[13] & Wire.Fin) != 0;
        if (told->State == ClientAddressState.Unsent && (isData || (int)(Tcp.Acknowledgment(l4) - told->First) > 0))
        {
            told->State = ClientAddressState.Received;
        }
    }

    /// <summary>Whether the packet may become longer.</summary>
    private static bool HasRoom(Burst* burst, int i, ServerEntry* server, uint bytes, uint ipBytes)
    {
        if (!ProxyTcp.IsWhole(burst, i))
        {
            return false;
        }

        if (ipBytes + bytes > server->MtuBytes)
        {
            burst->Refuse(i, DropReason.TooBig, server->MtuBytes - bytes);
            return false;
        }

        return true;
    }

    /// <summary>The option comes first, as servers take the first one. Returns the packet's bytes.</summary>
    private static uint Insert(EngineState* state, Burst* burst, int i, byte* ip, byte* l4, uint ipBytes)
    {
        byte* options = stackalloc byte[Tcp.OptionsBytesMax];
        int bytes = Write(options, ip, l4), ownBytes = Tcp.HeaderBytes(l4) - Wire.TcpBytes, roomBytes = Tcp.OptionsBytesMax - bytes;
        if (ownBytes <= roomBytes)
        {
            new ReadOnlySpan<byte>(l4 + Wire.TcpBytes, ownBytes).CopyTo(new Span<byte>(options + bytes, roomBytes));
            bytes += ownBytes;
        }
        else
        {
            bytes += Tcp.CopyAgreed(l4, options + bytes, roomBytes);
            state->Block->Counters.ToaOptionsCut++;
        }

        Tcp.SetOptions(burst, i, ip, l4, options, bytes);
        return (uint)(ipBytes + bytes - ownBytes);
    }

    private static int Write(byte* option, byte* ip, byte* l4)
    {
        bool v4 = (ip[0] >> 4) == 4;
        int bytes = Bytes(ip[0] >> 4);
        (option[0], option[1], *(ushort*)(option + 2)) = (Kind, (byte)bytes, *(ushort*)l4);
        new ReadOnlySpan<byte>(ip + (v4 ? 12 : 8), bytes - FixedBytes).CopyTo(new Span<byte>(option + FixedBytes, bytes - FixedBytes));
        return bytes;
    }
}
